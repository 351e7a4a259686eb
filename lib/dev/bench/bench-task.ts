// The work of tasks/bench.ts: runs one benchmark by name, and prints its measured figures and the machine.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { outputOf } from '../../core/sh.ts';
import { formatBytes, formatMs } from '../../core/sizes.ts';
import { benchmarkImage, imageWorkload } from './image-benchmark.ts';
import type { Flag } from '../../cli/command-line.ts';
import { rowOf, tableOf } from './crates-benchmark-table.ts';
import { benchmarkCrates, benchmarkEdits } from './crates-benchmark.ts';
import { openWorkload } from './crates-workload.ts';
import type { Workload } from './crates-workload.ts';
import { benchmarkLoop, loopColumns, loopRow, loopSubjects } from './loop-benchmark.ts';
import type { Task } from '../../cli/task.ts';
import type { Outcome } from '../../core/events.ts';
import { benchmarkWorkspace } from './workspace-benchmark.ts';

export const benchFlags = {
  repeat: {
    type: 'string',
    value: 'N',
    help: 'the number of measurements (image, workspace, inner-loop: 5, with --corpus 7, crates: 3); the median is used',
  },
  corpus: {
    type: 'string',
    value: 'DIR',
    help: 'crates, inner-loop: a folder of programs with all their dependencies (default: a small fixture)',
  },
  set: { type: 'string', value: 'FILE', help: 'crates, inner-loop: the programs of the corpus and their options, as for tasks/crates.ts' },
  programs: {
    type: 'string',
    value: 'A,B',
    help: 'crates, inner-loop: only these programs (inner-loop: hexyl,sudo-rs,tokei,workspace if the corpus has them)',
  },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

const benchmarks: Readonly<Record<string, (task: Task) => Promise<Outcome>>> = {
  image: measureImage,
  crates: measureCrates,
  workspace: measureWorkspace,
  'inner-loop': measureLoop,
};

/** Runs the benchmark that the command line names. `aliases` are additional names of benchmarks. */
export async function measure(task: Task, aliases: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const [word = ''] = task.args.words;
  const name = aliases[word] ?? word;
  const work = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (!work)
    throw cannot(`measure "${name}"`, `the benchmarks are: ${[...Object.keys(benchmarks), ...Object.keys(aliases)].join(', ')}`, {
      blame: 'usage',
    });
  return work(task);
}

async function measureImage(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  const { PATH: path = '', TMPDIR: scratchDir = '/tmp' } = host.env;
  const result = await benchmarkImage(imageWorkload, args.count('repeat', 1) ?? 5, scratchDir, { path }, task);
  const machine = machineWords();
  const times = (values: readonly number[]): string => values.map((ms) => (ms / 1000).toFixed(2)).join(' ');
  print(`machine   ${machine}`);
  print(`content   ${formatBytes(result.contentBytes)} in ${result.files} files, image ${formatBytes(result.imageBytes)}`);
  print(`cp        median ${formatMs(result.medianCpMs)} of ${times(result.cpMs)}`);
  print(`assemble  median ${formatMs(result.medianAssembleMs)} of ${times(result.assembleMs)}, SHA-256 included`);
  const goal = result.medianAssembleMs <= result.goalMs ? 'met' : 'missed';
  print(`ratio     ${result.ratio.toFixed(2)}; goal 2 x cp + 1 s = ${formatMs(result.goalMs)}: ${goal}`);
  print(`memory    peak ${formatBytes(result.peakRssBytes)}`);
  return { json: { benchmark: 'image', machine, ...result, cpMs: [...result.cpMs], assembleMs: [...result.assembleMs] } };
}

async function measureCrates(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  const repeat = args.count('repeat', 1) ?? 3;
  const workload = await workloadOf(task, namesOf(args.text('programs')));
  const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-bench-'));
  try {
    const machine = await machineWithCompiler(task, scratch);
    const cases = await benchmarkCrates({ workload, repeat, scratch, env: host.env }, task);
    const rows = cases.map(rowOf);
    print(machine);
    for (const line of tableOf(rows)) print(line);
    const json = rows.map((row): Json => ({ ...row, sccacheMs: row.sccacheMs ?? null }));
    return { json: { benchmark: 'crates', machine, programs: workload.projects.map(({ name }) => name), rows: json } };
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 10 }); // after an error, copies may still be written
  }
}

async function measureWorkspace(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-bench-'));
  try {
    const machine = await machineWithCompiler(task, scratch);
    const sizes = { members: 45, components: 30, crates: 200 };
    const request = { scratch, env: host.env, repeat: args.count('repeat', 1) ?? 5, ...sizes };
    const { edits, unchangedMs } = await benchmarkWorkspace(request, task);
    const seconds = (ms: number): string => (ms / 1000).toFixed(2);
    const median = [...unchangedMs].sort((a, b) => a - b)[unchangedMs.length >> 1] ?? Number.NaN;
    print(machine);
    print('a workspace of 45 members, release profile | cargo: compilations, s | ours: compilations, s');
    for (const { name, cargo, ours } of edits) {
      print(`${name} | ${cargo.compilations}, ${seconds(cargo.wallMs)} | ${ours.compilations}, ${seconds(ours.wallMs)}`);
    }
    print(`30 components with 200 crates, nothing changed: median ${seconds(median)} s of ${unchangedMs.map(seconds).join(' ')}`);
    const rows = edits.map(({ name, cargo, ours }): Json => ({ name, cargo: { ...cargo }, ours: { ...ours } }));
    return { json: { benchmark: 'workspace', machine, edits: rows, unchangedMs: [...unchangedMs] } };
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 10 }); // after an error, copies may still be written
  }
}

async function measureLoop(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  if (args.text('corpus') !== undefined) return await measureEdits(task);
  const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-bench-'));
  try {
    const machine = await machineWithCompiler(task, scratch);
    const cases = await benchmarkLoop(loopSubjects, { scratch, env: host.env, repeat: args.count('repeat', 1) ?? 5 }, task);
    print(machine);
    print(`| from edit to verdict, s | ${loopColumns.join(' | ')} |`);
    print(`| --- |${loopColumns.map(() => ' --: |').join('')}`);
    for (const one of cases) {
      const row = loopRow(one);
      print(`| ${one.subject.title} | ${loopColumns.map((name) => row[name]?.toFixed(2) ?? '').join(' | ')} |`);
    }
    const rows = cases.map(({ subject, rounds, linkMs }): Json => {
      const measured = rounds.map(({ wall, notice, parts }): Json => ({ wall, notice, parts: { ...parts } }));
      return { name: subject.title, linkMs: linkMs ?? null, rounds: measured };
    });
    return { json: { benchmark: 'inner-loop', machine, rows } };
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 10 }); // after an error, copies may still be written
  }
}

/**
 * The projects of the inner loop without --programs and --set: a small one, one with two programs, one with
 * many dependencies, and one with many own crates.
 */
const loopPrograms = { programs: ['hexyl', 'sudo-rs', 'tokei'], workspace: 'workspace', members: 45 } as const;

/**
 * The programs of the inner loop, and the number of members of the generated workspace, which `--programs
 * workspace` selects.
 */
async function loopWorkload(task: Task): Promise<{ readonly workload: Workload; readonly members: number }> {
  const { args } = task;
  const named = namesOf(args.text('programs'));
  const only = named.filter((name) => name !== loopPrograms.workspace);
  const all = await workloadOf(task, only);
  const usual = all.projects.filter(({ name }) => loopPrograms.programs.some((one) => one === name));
  const isOpen = named.length === 0 && args.text('set') === undefined && usual.length > 0;
  const members = isOpen || named.length > only.length ? loopPrograms.members : 0;
  const projects = isOpen ? usual : named.length > 0 && only.length === 0 ? [] : all.projects;
  return { workload: { ...all, projects }, members };
}

/** Measures the inner loop of programs, compared with cargo. */
async function measureEdits(task: Task): Promise<Outcome> {
  const { args, host, print } = task;
  const scratch = await mkdtemp(join(host.env['TMPDIR'] ?? '/tmp', 'bloomery-bench-'));
  try {
    const machine = await machineWithCompiler(task, scratch);
    const { workload, members } = await loopWorkload(task);
    const request = { workload, scratch, env: host.env, repeat: args.count('repeat', 1) ?? 7 };
    const rows = (await benchmarkEdits(request, members, task)).map(rowOf);
    print(machine);
    for (const line of tableOf(rows)) print(line);
    return { json: { benchmark: 'inner-loop', machine, rows: rows.map((row): Json => ({ ...row, sccacheMs: row.sccacheMs ?? null })) } };
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 10 }); // after an error, copies may still be written
  }
}

function namesOf(programs: string | undefined): readonly string[] {
  return (programs ?? '').split(/[\s,]+/).filter((name) => name !== '');
}

/**
 * Returns the programs of --corpus and --set, or those of them in `only`. Without these flags it is a small
 * fixture.
 */
async function workloadOf({ args, path }: Task, only: readonly string[]): Promise<Workload> {
  const [corpus, set] = [args.text('corpus'), args.text('set')];
  const root = corpus === undefined ? resolve(import.meta.dirname, '../../../fixtures/crates') : path(corpus);
  return await openWorkload(root, set === undefined ? undefined : path(set), only);
}

async function machineWithCompiler({ host, signal }: Task, cwd: string): Promise<string> {
  const versions = await Promise.all(
    ['cargo', 'rustc'].map((tool) => outputOf(`ask ${tool}`, [tool, '--version'], { cwd, env: host.env, signal })),
  );
  return `${machineWords()}, ${versions.map((text) => text.trim()).join(', ')}`;
}

function machineWords(): string {
  const { node, openssl } = process.versions;
  return `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${formatBytes(totalmem())}, Linux ${release()}, Node ${node}, OpenSSL ${openssl}`;
}
