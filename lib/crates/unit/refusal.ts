// A failure that the sandbox caused, in words: which package, what it tried, and how it would be allowed. Pure.
import { posix } from 'node:path';
import { hostPath, isBelow } from '../../actions/place.ts';
import type { Violation } from '../../actions/sandbox/witness.ts';
import { cannot } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import { ownPlaces } from './own-trees.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { pathsOfUnit } from './source-view.ts';
import { isScriptRun } from '../plan/unit-graph.ts';

/** The first violation is the error, the others and what was said its detail. `said` are the words of the run. */
export function refusal(
  planned: PlannedUnit,
  violations: readonly [Violation, ...Violation[]],
  said: string,
  shorten: (path: string) => string,
): Failure {
  const [first, ...others] = violations;
  const { name, version } = planned.owner;
  const script = isScriptRun(planned.unit);
  const what = script ? `run the build script of ${name} ${version}` : `compile ${planned.label}`;
  const why = `${!script && /(?:proc.macro|custom attribute)[^\n]* panicked/.test(said) ? 'a procedural macro' : 'it'} ${words(first, planned)}`;
  const more = others.slice(0, 5).map((violation) => `it also ${words(violation, planned)}`);
  return cannot(what, why, { detail: [said, ...more].filter((line) => line !== '').join('\n'), hint: hint(first, planned, shorten) });
}

function words(violation: Violation, planned: PlannedUnit): string {
  if (violation.act === 'network') return `tried to use the network${violation.peer === '' ? '' : ` (${violation.peer})`}`;
  if (violation.place === '') return `tried to ${violation.act} a file that is not its own`;
  const path = pathOf(violation.place, planned);
  if (violation.act === 'read') return `tried to read "${path}", which is outside its package`;
  return `tried to write "${path}", and ${path.startsWith('/') ? 'it writes only its output folder' : 'sources are read-only'}`;
}

function hint(violation: Violation, planned: PlannedUnit, shorten: (path: string) => string): string {
  const { name } = planned.owner;
  if (violation.act === 'write')
    return 'a build script writes to the folder that OUT_DIR names, and a macro writes nothing; with --no-sandbox they may write anywhere';
  if (violation.act === 'network') {
    return isScriptRun(planned.unit)
      ? `if it may: --allow ${name}=net`
      : 'what it fetches can be fetched before the build, and read as a file';
  }
  return `if it may: --allow ${name}=${shorten(hostPath(violation.place, pathsOfUnit(planned)))}`;
}

/** As the user would write it: relative to the package where it is in or beside the user's folders, else absolute. */
function pathOf(place: string, { place: { mount, dir } }: PlannedUnit): string {
  return isBelow(place, [mount, ownPlaces]) ? posix.relative(dir, place) || '.' : place;
}
