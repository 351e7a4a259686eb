// What compilers and build scripts said, as a person reads it: warnings of a unit that is done, the failure of one that is not.
import type { ActionResult } from '../../actions/action.ts';
import type { Made } from '../../actions/lookup.ts';
import { hostPath } from '../../actions/place.ts';
import { cannot } from '../../core/errors.ts';
import { plural } from '../../core/sizes.ts';
import { diagnosticsOf } from './diagnostics.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { refusal } from './refusal.ts';
import { pathsOfUnit } from './source-view.ts';
import { isScriptRun } from '../plan/unit-graph.ts';

/** How paths are shown, and whether in colour. */
export interface Showing {
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /** Also what build scripts print. */
  readonly verbose: boolean;
}

/** The messages of a rustc run, as the person reads them. */
export function messages(unit: PlannedUnit, stderr: string, { shorten, colour }: Showing): readonly Diagnostic[] {
  if (isScriptRun(unit.unit) || stderr === '') return [];
  const mounts = pathsOfUnit(unit);
  return diagnosticsOf(stderr, { mounts, baseDir: hostPath(unit.place.cwd, mounts), shorten, colour });
}

/** How Rust, shells and other programs say that a variable is missing. */
const asksForVariable =
  /environment variable|\bNotPresent\b|VarError|unbound variable|parameter not set|\bnot set\b|\b(?:un)?defined variable/i;

/** What is shown of a unit that is done: warnings, what macros printed, and with `verbose` what its build script printed, as `cargo -vv` does. */
export function shownOf(unit: PlannedUnit, { stdout, stderr }: ActionResult, showing: Showing): readonly string[] {
  if (isScriptRun(unit.unit)) {
    const lines = showing.verbose ? [stdout, stderr].flatMap((text) => text.split('\n').filter((line) => line !== '')) : [];
    return lines.map((line) => `[${unit.owner.name} ${unit.owner.version}] ${line}`);
  }
  const shown = messages(unit, stderr, showing).filter(({ level }) => level === 'warning' || level === 'printed');
  return [...(stdout.trim() === '' ? [] : [stdout.trimEnd()]), ...shown.map(({ rendered }) => rendered)];
}

/** What a failed run is told as: one sentence, with what the compiler or the script said. */
export function failure(unit: PlannedUnit, made: Extract<Made, { readonly ok: false }>, showing: Showing): Error {
  const said = isScriptRun(unit.unit)
    ? [made.stdout, made.stderr].map((text) => text.trim())
    : messages(unit, made.stderr, showing).map(({ rendered }) => rendered.trimEnd());
  const detail = said.filter((text) => text !== '').join('\n');
  const [first, ...others] = made.violations ?? [];
  if (first) return refusal(unit, [first, ...others], detail, showing.shorten);
  if (isScriptRun(unit.unit)) {
    return cannot(
      `run the build script of ${unit.owner.name} ${unit.owner.version}`,
      `it ended with status ${made.exitCode ?? 'of a signal'}`,
      { detail, ...(asksForVariable.test(detail) ? { hint: 'it sees declared variables only: --env NAME=VALUE declares one' } : {}) },
    );
  }
  const all = messages(unit, made.stderr, showing);
  const errors = all.filter(({ level }) => level.startsWith('error'));
  return cannot(
    `compile ${unit.label}`,
    errors.length > 0 ? `rustc found ${plural(errors.length, 'error')}` : `rustc ended with status ${made.exitCode ?? 'of a signal'}`,
    {
      detail: all.map(({ rendered }) => rendered.trimEnd()).join('\n\n'),
    },
  );
}
