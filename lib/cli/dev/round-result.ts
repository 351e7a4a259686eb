// The result of a round of tasks/dev.ts: as one status line, and as --json prints it.
import { verdictSentence } from '../../console/verdict.ts';
import type { Verdict } from '../../console/verdict.ts';
import type { Json } from '../../core/digest.ts';
import { plural } from '../../core/sizes.ts';

/**
 * The parts of a round in milliseconds, in the order in which they are shown. Parts that a round does not
 * have are absent.
 */
export interface RoundParts {
  readonly plan?: number;
  /** Time in which at least one compiler, linker or script ran. */
  readonly compile?: number;
  readonly image?: number;
  /** The rest of the build: keys, staging, publishing. */
  readonly other?: number;
  /** The end of the previous machine. */
  readonly stop?: number;
  /** From the start of the machine to the first milestone of the console. */
  readonly firmware?: number;
  /** From there to the prompt, or to what ended the boot. */
  readonly boot?: number;
  /** From the prompt to the verdict. */
  readonly judging?: number;
  readonly command?: number;
}

export interface RoundResult {
  readonly ok: boolean;
  readonly built?: { readonly compiled: number; readonly hits: number; readonly seconds: number };
  readonly tests?: { readonly passed: number; readonly failed: number; readonly fromCache: number };
  readonly image?: string;
  readonly verdict?: Verdict;
  /** The machine of the previous round keeps running, because it would boot the same bytes. */
  readonly sameMachine?: true;
  readonly command?: { readonly text: string; readonly status: number; readonly output: string };
  /** The reason why the round did not complete. */
  readonly error?: string;
  readonly parts: RoundParts;
}

/** Returns one line without a line end. */
export function roundLine({ built, tests, verdict, sameMachine, command, error, parts }: RoundResult): string {
  const done = [
    ...(built ? [`built in ${built.seconds.toFixed(2)} s (${built.compiled} compiled, ${plural(built.hits, 'hit')})`] : []),
    ...(tests ? [testsText(tests)] : []),
    ...(sameMachine ? ['the same bytes: the machine runs on'] : []),
    ...(verdict ? [verdictSentence('', verdict).trim()] : []),
    ...(command ? [`"${command.text}" exited with status ${command.status}`] : []),
    ...(error === undefined ? [] : [`failed: ${error}`]),
  ].join(', ');
  const times = Object.entries(parts).flatMap(([name, ms]: [string, number]) => (ms < 5 ? [] : [`${name} ${(ms / 1000).toFixed(2)}`]));
  return times.length < 2 ? done : `${done} [${times.join(', ')}]`;
}

function testsText({ passed, failed, fromCache }: NonNullable<RoundResult['tests']>): string {
  const tests = plural(passed + failed, 'test');
  return failed === 0 ? `${tests} passed (${fromCache} from the cache)` : `${failed} of ${tests} failed`;
}

export interface RoundAbout {
  /** The first round has the number 1. */
  readonly round: number;
  readonly cause: string;
  /** The changed files as they are shown. */
  readonly files: readonly string[];
  /** Duration of the whole round. */
  readonly seconds: number;
}

/** Returns the object of --json. */
export function roundJson(result: RoundResult, about: RoundAbout): Json {
  const { ok, built, tests, image, verdict, command, error, parts } = result;
  return {
    ...about,
    files: [...about.files],
    ok,
    ...(built && { built: { ...built, seconds: Math.round(built.seconds * 100) / 100 } }),
    ...(tests && { tests: { ...tests } }),
    ...(image === undefined ? {} : { image }),
    ...(verdict && { verdict: { ...verdict } }),
    ...(command && { command: { ...command } }),
    ...(error === undefined ? {} : { error }),
    parts: Object.fromEntries(Object.entries(parts).map(([name, ms]: [string, number]) => [name, Math.round(ms)])),
  };
}
