// What units wait for. Pure.
import type { Edge } from '../../actions/walk.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { isPlainLibrary, isScriptRun } from '../plan/unit-graph.ts';

/** The units and everything below them; nothing below those for which `ends` is true. */
export function reachable(
  units: readonly PlannedUnit[],
  from: readonly number[],
  ends = (_node: number): boolean => false,
): ReadonlySet<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (ends(node)) continue;
    for (const { index } of units[node]?.dependencies ?? []) open.push(index);
  }
  return seen;
}

/** The edges between the units that are missing, as a graph of its own: node n of the graph is the unit `missing[n]`. */
export function missingEdges(units: readonly PlannedUnit[], missing: readonly number[]): readonly (readonly Edge[])[] {
  const positions = new Map(missing.map((node, position) => [node, position]));
  return missing.map((node) =>
    edgesOf(node, units, (other) => positions.has(other)).flatMap(({ on, early }) => {
      const position = positions.get(on);
      return position === undefined ? [] : [{ on: position, early }];
    }),
  );
}

/** Whether users of the unit can start when its metadata is there. */
export function hasEarlyMetadata({ unit }: Pick<PlannedUnit, 'unit'>): boolean {
  return isPlainLibrary(unit) && !isScriptRun(unit);
}

/**
 * What a unit waits for, of the units that are missing. A plain library needs only the metadata of plain libraries, which comes early; what is
 * linked needs all libraries below it whole, and a library that is whole says nothing of those below it. A library that is there says nothing
 * of them either: a damaged blob may have made one of them missing, and rustc reads the metadata of all.
 */
function edgesOf(node: number, units: readonly PlannedUnit[], isMissing: (node: number) => boolean): readonly Edge[] {
  const early = (unit: PlannedUnit | undefined): boolean => unit !== undefined && hasEarlyMetadata(unit);
  const unit = units[node];
  const direct = (unit?.dependencies ?? []).map(({ index }) => index);
  if (unit && !early(unit)) return [...reachable(units, direct)].filter(isMissing).map((on) => ({ on, early: false }));
  return [...reachable(units, direct, isMissing)].filter(isMissing).map((on) => ({ on, early: early(units[on]) }));
}
