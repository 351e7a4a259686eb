// Three stress tests of the boot tester: many boots in a row, SIGKILL at random times, and faulty images,
// each with its own verdict. Every boot is a process of test-boot.ts. The results are counts and faults, as
// sentences.
import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, Failure, lastOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { randomNumbers } from '../../core/random-numbers.ts';
import { start } from '../../core/sh.ts';
import type { Child, RunResult } from '../../core/sh.ts';
import type { BootFault, FaultyImages } from './faulty-images.ts';
import type { Stressed } from './stress.ts';
import { taskResult } from './task-result.ts';

export interface BootSubject {
  readonly system: string;
  /** The absolute path of the image. */
  readonly image: string;
  /** A folder of the stress test, which is the TMPDIR of every boot. */
  readonly scratch: string;
  readonly node: string;
  readonly env: Readonly<Record<string, string>>;
}

const task = join(import.meta.dirname, '../../../test-boot.ts');
/** The time that QEMU may take to notice the end of its parent. */
const survivalMs = 3000;

function startBoot({ system, scratch, node, env }: BootSubject, image: string, words: readonly string[], { signal }: Context): Child {
  const argv = [
    node,
    task,
    '--image',
    image,
    '--system',
    system,
    '--log',
    join(scratch, 'logs', 'boot.log'),
    '--quiet',
    '--json',
    ...words,
  ];
  return start(argv, { cwd: scratch, env: { ...env, TMPDIR: join(scratch, 'tmp') }, signal });
}

interface Told {
  readonly kind: string;
  readonly failure?: string | undefined;
  readonly line?: string | undefined;
}

function verdictOf({ stdout, stderr }: RunResult): Told {
  try {
    const verdict = taskResult(stdout).table('verdict');
    if (verdict) return { kind: verdict.requiredText('kind'), failure: verdict.text('failure'), line: verdict.text('line') };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  return { kind: `no verdict (${lastOf(stderr.trim().split('\n'))})` };
}

/** Returns the leftovers of a boot: processes with the image on their command line, and files in its TMPDIR. */
async function leftoversOf({ scratch, image }: BootSubject): Promise<readonly string[]> {
  const files = await readdir(join(scratch, 'tmp'));
  return [...files.map((name) => `file ${name}`), ...(await machinesOf(image)).map((pid) => `process ${pid}`)];
}

/** Returns the process ids of QEMU processes with the image on their command lines. */
export async function machinesOf(image: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const));
  return lines.filter(([, words]) => /^[^\0]*qemu-system/.test(words) && words.includes(image)).map(([pid]) => Number(pid));
}

export async function prepare({ scratch }: BootSubject): Promise<void> {
  await mkdir(join(scratch, 'tmp'), { recursive: true });
  await mkdir(join(scratch, 'logs'), { recursive: true });
}

/** Boots the image repeatedly. */
export async function stressBoots(subject: BootSubject, rounds: number, context: Context): Promise<Stressed> {
  const faults: string[] = [];
  let right = 0;
  const startMs = performance.now();
  for (let round = 1; round <= rounds; round++) {
    const result = await startBoot(subject, subject.image, [], context).ended;
    context.signal.throwIfAborted();
    const verdict = verdictOf(result);
    if (result.exitCode === 0 && verdict.kind === 'booted') right++;
    else faults.push(`boot ${round}: ${JSON.stringify(verdict)}`);
    for (const left of await leftoversOf(subject)) faults.push(`boot ${round} left ${left}`);
    context.report({ kind: 'progress', phase: 'booting', done: round, total: rounds });
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  return { sentence: `${rounds} boots in ${seconds} s: ${right} right verdicts, ${faults.length} faults`, faults };
}

/** Kills the test at random times during a boot. Every second test would keep its machine. */
export async function stressBootKills(subject: BootSubject, rounds: number, seed: number, context: Context): Promise<Stressed> {
  const random = randomNumbers(seed);
  const faults: string[] = [];
  const calm = performance.now();
  await startBoot(subject, subject.image, [], context).ended;
  const usualMs = performance.now() - calm;
  let ran = 0;
  for (let round = 1; round <= rounds; round++) {
    const child = startBoot(subject, subject.image, round % 2 === 0 ? ['--keep'] : [], context);
    const atMs = Math.round(random() * usualMs);
    await sleep(atMs, undefined, { signal: context.signal });
    if ((await machinesOf(subject.image)).length > 0) ran++;
    killBoot(child.pid);
    await child.ended;
    let waitedMs = 0;
    for (; (await machinesOf(subject.image)).length > 0 && waitedMs < survivalMs; waitedMs += 20) await sleep(20);
    const alive = await machinesOf(subject.image);
    if (alive.length > 0) faults.push(`killed after ${atMs} ms: process ${alive.join(', ')} survives`);
    context.report({ kind: 'progress', phase: 'killing boots', done: round, total: rounds });
  }
  const last = verdictOf(await startBoot(subject, subject.image, [], context).ended);
  if (last.kind !== 'booted') faults.push(`the boot after them: ${JSON.stringify(last)}`);
  for (const left of await leftoversOf(subject)) faults.push(`after the next boot there is ${left}`);
  const sentence = `${rounds} boot tests killed within ${Math.round(usualMs)} ms, ${ran} of them with a machine running: ${faults.length} faults`;
  return { sentence, faults };
}

/** Kills a boot test, unless it has already ended. */
function killBoot(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** Boots faulty images. Each must get its own verdict. */
export async function stressFaults(
  subject: BootSubject,
  rows: readonly BootFault[],
  images: FaultyImages,
  context: Context,
): Promise<Stressed> {
  const faults: string[] = [];
  const image = join(subject.scratch, 'faulty.img');
  for (const [index, row] of rows.entries()) {
    if (row.files || row.damage) await images.make(row, image);
    else await copyFile(subject.image, image);
    const steps = (row.steps ?? []).flatMap(({ kind, text }) => [`--${kind}`, text]);
    const result = await startBoot(subject, image, ['--silence', '20', '--debug-exit', '16', ...steps], context).ended;
    context.signal.throwIfAborted();
    const verdict = verdictOf(result);
    const right = verdict.kind === row.verdict && verdict.failure === row.failure && (row.line?.test(verdict.line ?? '') ?? true);
    if (!right) faults.push(`${row.name}: ${JSON.stringify(verdict)}`);
    context.report({
      kind: 'note',
      text: `${right ? 'right' : 'WRONG'}  ${row.name}: ${verdict.kind}${verdict.failure ? ` (${verdict.failure})` : ''}`,
    });
    for (const left of await leftoversOf({ ...subject, image })) faults.push(`${row.name} left ${left}`);
    context.report({ kind: 'progress', phase: 'booting faults', done: index + 1, total: rows.length });
  }
  await rm(image, { force: true });
  return { sentence: `${rows.length} faults booted: ${faults.length} wrong`, faults };
}
