// Measures the time from an edit of a kernel to its verdict. tasks/dev.ts runs as for a user, with a real
// watcher and a real machine. The time of the linker is measured separately, because rustc does not report it
// in an ordinary call.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { run, start } from '../../core/sh.ts';

/** A bundled kernel, and a text that it prints. An edit changes this text. */
export interface LoopSubject {
  readonly title: string;
  readonly system: string;
  /** The folder of the sources in the repository, and the file in it. */
  readonly folder: string;
  readonly file: string;
  readonly text: string;
}

export const loopSubjects: readonly LoopSubject[] = [
  { title: 'Redox kernel', system: 'redox', folder: 'fixtures/redox', file: 'kernel/src/main.rs', text: 'bloomery fixture' },
  { title: 'hello', system: 'hello', folder: 'fixtures/hello/kernel', file: 'src/main.rs', text: 'Hello from a kernel' },
];

/** One round in milliseconds. */
export interface LoopRound {
  /** The time from the write of the file to the line with the verdict. */
  readonly wall: number;
  /** The part of that time before the round began. */
  readonly notice: number;
  /** Parts as tasks/dev.ts reports them: plan, compile, image, other, stop, firmware, boot, judging. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface LoopCase {
  readonly subject: LoopSubject;
  readonly rounds: readonly LoopRound[];
  /** The time of the linker in the compilation of the kernel. Undefined if the compiler does not report it. */
  readonly linkMs: number | undefined;
}

export interface LoopRequest {
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
  readonly repeat: number;
}

const repository = resolve(import.meta.dirname, '../../..');
/** Sets flags of rustc for the triple of both kernels. */
const flagsVariable = 'CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS';

/** Measures each subject with a copy of its sources. */
export async function benchmarkLoop(
  subjects: readonly LoopSubject[],
  request: LoopRequest,
  context: Context,
): Promise<readonly LoopCase[]> {
  const cases: LoopCase[] = [];
  for (const subject of subjects) {
    const folder = join(request.scratch, subject.system);
    await cp(join(repository, subject.folder), folder, { recursive: true, filter: (path) => !path.endsWith('/target') });
    const rounds = await measuredRounds(subject, folder, request, context);
    cases.push({ subject, rounds, linkMs: await linkTime(subject, folder, request, context) });
    context.report({ kind: 'note', text: `measured ${subject.title}` });
  }
  return cases;
}

async function measuredRounds(
  subject: LoopSubject,
  folder: string,
  { scratch, env, repeat }: LoopRequest,
  { signal }: Context,
): Promise<readonly LoopRound[]> {
  const words = [subject.system, '--source', `kernel=${folder}`, '--out', join(scratch, `${subject.system}-out`), '--json'];
  // Results and reports are one stream, because only standard error is read as it arrives.
  const shell = ['/bin/sh', '-c', 'exec "$@" 1>&2', 'sh', process.execPath, join(repository, 'tasks/dev.ts'), ...words];
  const lines = new Lines();
  const child = start(shell, { cwd: scratch, env, signal, onStderr: (text) => lines.add(text) });
  void child.ended.then(() => lines.end());
  try {
    const rounds: LoopRound[] = [];
    await lines.round(1);
    for (let round = 2; round < repeat + 2; round++) {
      const startMs = performance.now();
      await edit(subject, folder, round);
      const { ok, seconds, parts } = await lines.round(round);
      const wall = performance.now() - startMs;
      if (!ok) throw cannot(`measure ${subject.title}`, 'it did not boot', { detail: lines.text });
      rounds.push({ wall, notice: Math.max(0, wall - seconds * 1000), parts });
    }
    return rounds;
  } finally {
    child.stop();
    await child.ended;
  }
}

/** Each edit creates a kernel that is not in the cache, because the folder has a random name. */
async function edit({ file, text }: LoopSubject, folder: string, round: number): Promise<void> {
  const path = join(folder, file);
  const before = await readFile(path, 'utf8');
  await writeFile(path, before.replace(new RegExp(`${text}(?: v\\d+-\\w+)?`), `${text} v${round}-${dirname(folder).slice(-6)}`));
}

/**
 * Builds once with rustc's time measurement for the kernel alone. The last "link" that it prints is that of
 * the kernel.
 */
async function linkTime(
  subject: LoopSubject,
  folder: string,
  { scratch, env }: LoopRequest,
  { signal }: Context,
): Promise<number | undefined> {
  await edit(subject, folder, 1);
  const words = [subject.system, '--source', `kernel=${folder}`, '--component', 'kernel', '--out', join(scratch, 'link-out')];
  const timed = { ...env, [flagsVariable]: '-Ztime-passes -Ztime-passes-format=json' };
  const { stderr } = await run([process.execPath, join(repository, 'tasks/build.ts'), ...words], { cwd: scratch, env: timed, signal });
  return linkMs(stderr);
}

/** Parses lines of `rustc -Ztime-passes` such as "time: {"pass":"link","time":0.02,...}". */
export function linkMs(text: string): number | undefined {
  const seconds = [...text.matchAll(/^time: \{"pass":"link","time":([\d.]+),/gm)].at(-1)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

interface PrintedRound {
  readonly ok: boolean;
  readonly seconds: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** The output of tasks/dev.ts. */
class Lines {
  text = '';
  #ended = false;
  #wake: () => void = () => undefined;

  add(text: string): void {
    this.text += text;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async round(number: number): Promise<PrintedRound> {
    for (;;) {
      const line = new RegExp(`^(\\{"round":${number},.*\\})\n`, 'm').exec(this.text)?.[1];
      if (line !== undefined) return JSON.parse(line) as PrintedRound;
      if (this.#ended) throw cannot('measure the rounds of tasks/dev.ts', 'it has ended', { detail: this.text });
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** The columns of the table, in the order of a round. */
export const loopColumns = ['notice', 'plan', 'compile', 'link', 'image', 'other', 'stop', 'firmware', 'boot', 'judging', 'sum'] as const;

/** Returns the round with the median time in seconds, so that its parts add up. `compile` excludes the linker. */
export function loopRow({ rounds, linkMs: link }: LoopCase): Readonly<Record<(typeof loopColumns)[number], number | undefined>> {
  const sorted = [...rounds].sort((a, b) => a.wall - b.wall);
  const { wall, notice, parts } = sorted[sorted.length >> 1] ?? { wall: Number.NaN, notice: Number.NaN, parts: {} };
  const part = (name: string): number => (parts[name] ?? 0) / 1000;
  const linker = link === undefined ? undefined : link / 1000;
  return {
    ...{ notice: notice / 1000, plan: part('plan'), compile: part('compile') - (linker ?? 0), link: linker, image: part('image') },
    ...{
      other: part('other'),
      stop: part('stop'),
      firmware: part('firmware'),
      boot: part('boot'),
      judging: part('judging'),
      sum: wall / 1000,
    },
  };
}
