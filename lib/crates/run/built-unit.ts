// Units that are done, and what is below them in the graph.
import type { ActionResult } from '../../actions/action.ts';
import type { Directives } from '../unit/directives.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { isLinkable, isProcMacro, isScriptRun } from '../plan/unit-graph.ts';

/** A unit that is done. `directives` are those of a build script's run. */
export interface BuiltUnit {
  readonly planned: PlannedUnit;
  readonly result: ActionResult;
  readonly directives: Directives | undefined;
}

/** Everything below a unit: libraries, macros, build scripts and their runs. */
export function below(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  const found = new Set<BuiltUnit>();
  const visit = (unit: PlannedUnit): void => {
    for (const { index } of unit.dependencies) {
      const dependency = built.get(index);
      if (!dependency || found.has(dependency)) continue;
      found.add(dependency);
      visit(dependency.planned);
    }
  };
  visit(planned);
  return [...found];
}

/** Everything that rustc may have to load for this unit: libraries below it, and proc macros, whose own libraries it never sees. */
export function linkClosure(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  const found = new Set<BuiltUnit>();
  const visit = (unit: PlannedUnit): void => {
    for (const { index } of unit.dependencies) {
      const dependency = built.get(index);
      if (!dependency || found.has(dependency) || isScriptRun(dependency.planned.unit) || !isLinkable(dependency.planned.unit)) continue;
      found.add(dependency);
      if (!isProcMacro(dependency.planned.unit)) visit(dependency.planned);
    }
  };
  visit(planned);
  return [...found];
}

/** The runs of the unit's own build scripts: one, or several of a nightly package. */
export function ownScripts(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  return planned.dependencies.flatMap(({ index }) => built.get(index) ?? []).filter((dependency) => isScriptRun(dependency.planned.unit));
}
