// What is reported of units, over all walks of one build: each unit is a hit or was built once, and its messages are shown when its result is there.
import type { ActionKey, ActionResult } from '../../actions/action.ts';
import type { Report } from '../../core/events.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { shownOf } from '../unit/messages.ts';
import type { Showing } from '../unit/messages.ts';

export class UnitReports {
  readonly #showing: Showing;
  readonly #report: Report;
  readonly #run = new Set<PlannedUnit>();
  readonly #hits = new Set<PlannedUnit>();

  constructor(showing: Showing, report: Report) {
    this.#showing = showing;
    this.#report = report;
  }

  /** The number of units that were run. */
  get runs(): number {
    return this.#run.size;
  }

  /** Reports what the compiler or the build script of a unit printed: of the user's own packages also the warnings that a script declares. */
  messages({ planned, result, directives }: BuiltUnit): void {
    for (const text of shownOf(planned, result, this.#showing)) this.#report({ kind: 'diagnostic', unit: planned.label, text });
    if (planned.place.foreign) return;
    for (const text of directives?.warnings ?? []) {
      this.#report({ kind: 'diagnostic', unit: planned.label, text: `warning: ${planned.owner.name}: ${text}` });
    }
  }

  /** Reports a unit as a hit, unless it was run or reported in an earlier walk. */
  hit(unit: PlannedUnit, key: ActionKey, { durationMs }: ActionResult): void {
    if (this.#run.has(unit) || this.#hits.has(unit)) return;
    this.#hits.add(unit);
    this.#report({ kind: 'unit-finished', unit: unit.label, outcome: 'hit', durationMs: 0, savedMs: durationMs, key });
  }

  built(unit: PlannedUnit, key: ActionKey, { durationMs }: ActionResult): void {
    this.#run.add(unit);
    this.#report({ kind: 'unit-finished', unit: unit.label, outcome: 'built', durationMs, key });
  }
}
