// Shows the output of compilers and build scripts to users: warnings of a unit that is done, the failure of
// one that is not, and accesses that the sandbox refused. rustc's JSON messages are shown in its own
// rendering, with the user's paths instead of sandbox paths.
import { posix } from 'node:path';
import type { ActionKey, ActionResult } from '../../actions/action.ts';
import type { Made } from '../../actions/lookup.ts';
import { hostPath, isBelow } from '../../actions/place.ts';
import { toHostPaths } from '../../actions/sandbox/sandbox.ts';
import type { View } from '../../actions/sandbox/sandbox.ts';
import type { Violation } from '../../actions/sandbox/witness.ts';
import { cannot } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { plural } from '../../core/sizes.ts';
import type { UnitWatch } from '../compiled.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isScriptRun } from '../plan/unit-graph.ts';
import { ownPlaces } from './places.ts';
import { pathsOfUnit } from './source-view.ts';

/** How paths are displayed, and whether messages have colours. */
export interface Showing {
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /** Whether the output of build scripts is shown too. */
  readonly verbose: boolean;
}

/** Returns the messages of a rustc run for the user. */
export function messages(unit: PlannedUnit, stderr: string, { shorten, colour }: Showing): readonly Diagnostic[] {
  if (isScriptRun(unit.unit) || stderr === '') return [];
  const mounts = pathsOfUnit(unit);
  return diagnosticsOf(stderr, { mounts, baseDir: hostPath(unit.place.cwd, mounts), shorten, colour });
}

/** Messages of Rust, shells and other programs about a missing variable. */
const asksForVariable =
  /environment variable|\bNotPresent\b|VarError|unbound variable|parameter not set|\bnot set\b|\b(?:un)?defined variable/i;

/**
 * Returns the messages of a unit that is done: warnings, output of macros, and with `verbose` the output of
 * its build script, like `cargo -vv`.
 */
export function shownOf(unit: PlannedUnit, { stdout, stderr }: ActionResult, showing: Showing): readonly string[] {
  if (isScriptRun(unit.unit)) {
    const lines = showing.verbose ? [stdout, stderr].flatMap((text) => text.split('\n').filter((line) => line !== '')) : [];
    return lines.map((line) => `[${unit.owner.name} ${unit.owner.version}] ${line}`);
  }
  const shown = messages(unit, stderr, showing).filter(({ level }) => level === 'warning' || level === 'printed');
  return [...(stdout.trim() === '' ? [] : [stdout.trimEnd()]), ...shown.map(({ rendered }) => rendered)];
}

/** Returns the error of a failed run: one sentence, with the output of the compiler or the script. */
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

export interface Diagnostic {
  /**
   * rustc's own level ("warning", "error"), or "printed" for a line that is not a message: the output of a
   * macro, or a crash of rustc.
   */
  readonly level: string;
  readonly rendered: string;
}

/** How paths are displayed. */
export interface ShownPaths {
  /** place -> host path. */
  readonly mounts: Readonly<Record<string, string>>;
  /** The host's folder that relative paths of rustc are relative to. */
  readonly baseDir: string;
  /** Shortens an absolute path for messages. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
}

/**
 * Returns the messages of one rustc run, in order. Lines that are not messages (a crash of rustc) are kept
 * unchanged.
 */
export function diagnosticsOf(stderr: string, showing: ShownPaths): readonly Diagnostic[] {
  return stderr
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line): Diagnostic[] => {
      const message = line.startsWith('{') ? messageOf(line) : undefined;
      if (!message) return [{ level: 'printed', rendered: line }];
      if (message.rendered === undefined || isCount(message.text)) return [];
      return [{ level: message.level, rendered: withHostPaths(message.rendered, message.files, showing) }];
    });
}

function withHostPaths(rendered: string, files: ReadonlySet<string>, { mounts, baseDir, shorten, colour }: ShownPaths): string {
  const view: View = { readOnly: mounts, writable: {} };
  let text = colour ? rendered : rendered.replace(/\x1b\[[0-9;]*m/g, '');
  for (const file of files) {
    const absolute = file.startsWith('/') ? toHostPaths(file, view) : `${baseDir}/${file}`;
    // Only at rustc's pointers to a position in a file, never in code or text that happens to contain the
    // same characters.
    const pointer = new RegExp(`((?:-->|:::)${colours} ${colours})${escaped(file)}(?=:|\\x1b|$)`, 'gm');
    text = text.replaceAll(pointer, (_, arrow: string) => arrow + shorten(absolute));
  }
  return toHostPaths(text, view);
}

/** Changes of colour, which rustc puts before or after the space that follows an arrow. */
const colours = '(?:\\x1b\\[[0-9;]*m)*';

/** Whether a message of rustc only counts other messages. */
export function isCount(message: string): boolean {
  return /^(?:aborting due to|\d+ warnings? emitted)/.test(message);
}

interface Message {
  readonly level: string;
  readonly text: string;
  readonly rendered: string | undefined;
  readonly files: ReadonlySet<string>;
}

interface RawMessage {
  readonly message?: string;
  readonly level?: string;
  readonly rendered?: string | null;
  readonly spans?: readonly { readonly file_name: string }[];
  readonly children?: readonly RawMessage[];
}

function messageOf(line: string): Message | undefined {
  let raw: RawMessage;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined;
  }
  const files = new Set<string>();
  const collect = ({ spans = [], children = [] }: RawMessage): void => {
    for (const { file_name: file } of spans) files.add(file);
    children.forEach(collect);
  };
  collect(raw);
  return { level: raw.level ?? 'note', text: raw.message ?? '', rendered: raw.rendered ?? undefined, files };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/**
 * Returns an error with the first violation. The other violations and `said`, the output of the run, are its
 * detail.
 */
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
  const isMacro = !script && /(?:proc.macro|custom attribute)[^\n]* panicked/.test(said);
  const why = `${isMacro ? 'a procedural macro' : 'it'} ${violationWords(first, planned)}`;
  const more = others.slice(0, 5).map((violation) => `it also ${violationWords(violation, planned)}`);
  return cannot(what, why, {
    detail: [said, ...more].filter((line) => line !== '').join('\n'),
    hint: violationHint(first, planned, shorten),
  });
}

function violationWords(violation: Violation, planned: PlannedUnit): string {
  if (violation.act === 'network') return `tried to use the network${violation.peer === '' ? '' : ` (${violation.peer})`}`;
  if (violation.place === '') return `tried to ${violation.act} a file that is not its own`;
  const path = pathOf(violation.place, planned);
  if (violation.act === 'read') return `tried to read "${path}", which is outside its package`;
  return `tried to write "${path}", and ${path.startsWith('/') ? 'it writes only its output folder' : 'sources are read-only'}`;
}

function violationHint(violation: Violation, planned: PlannedUnit, shorten: (path: string) => string): string {
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

/**
 * Returns a path for messages: relative to the package if it is in the user's folders or next to them,
 * otherwise absolute.
 */
function pathOf(place: string, { place: { mount, dir } }: PlannedUnit): string {
  return isBelow(place, [mount, ownPlaces]) ? posix.relative(dir, place) || '.' : place;
}

export class UnitReports {
  readonly #showing: Showing;
  readonly #report: Report;
  readonly #run = new Set<PlannedUnit>();
  readonly #hits = new Set<PlannedUnit>();

  readonly #watch: UnitWatch | undefined;
  readonly #warnings = new Set<string>();

  constructor(showing: Showing, report: Report, watch?: UnitWatch) {
    this.#showing = showing;
    this.#report = report;
    this.#watch = watch;
  }

  /** Number of units that were run. */
  get runs(): number {
    return this.#run.size;
  }

  /**
   * Reports the output of a unit's compiler or build script. For the user's own packages it includes the
   * warnings that a script declares. A warning of a library that is compiled again with its tests is reported
   * once, as in cargo.
   */
  messages({ planned, result, directives }: BuiltUnit): void {
    for (const text of shownOf(planned, result, this.#showing)) {
      const isWarning = /^(?:\x1b\[[0-9;]*m)*warning/.test(text);
      if (isWarning && this.#warnings.has(text)) continue;
      if (isWarning) this.#warnings.add(text);
      this.#report({ kind: 'diagnostic', unit: planned.label, text });
    }
    if (planned.place.foreign) return;
    for (const text of directives?.warnings ?? []) {
      this.#report({ kind: 'diagnostic', unit: planned.label, text: `warning: ${planned.owner.name}: ${text}` });
    }
  }

  /** Reports a unit as a hit, unless it was run or reported in an earlier walk. */
  hit(done: BuiltUnit, key: ActionKey): void {
    const { planned: unit, result } = done;
    const { durationMs } = result;
    if (this.#run.has(unit) || this.#hits.has(unit)) return;
    this.#hits.add(unit);
    this.#watch?.done(done, true);
    this.#report({ kind: 'unit-finished', unit: unit.label, outcome: 'hit', durationMs: 0, savedMs: durationMs, key });
  }

  built(done: BuiltUnit, key: ActionKey): void {
    const { planned: unit, result } = done;
    const { durationMs } = result;
    this.#run.add(unit);
    this.#watch?.done(done, false);
    this.#report({ kind: 'unit-finished', unit: unit.label, outcome: 'built', durationMs, key });
  }
}
