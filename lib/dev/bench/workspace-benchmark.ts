// Counts compilations and measures times of edits in a workspace like Redox's base, compared with cargo: an
// edit of one driver, an edit of a comment in a manifest, and a touch of every file. Also measures a build of
// many small components in which nothing changed.
import { appendFile, readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { run } from '../../core/sh.ts';
import { driverSource, driverWorkspace, manyProjects } from '../projects/driver-workspace.ts';
import { writeFiles } from './crates-workload.ts';
import { taskResult, unitsBuilt } from '../stress/task-result.ts';

/** One build of one tool. */
export interface Build {
  readonly wallMs: number;
  /** The number of calls of rustc that compile something. */
  readonly compilations: number;
}

export interface WorkspaceCase {
  readonly name: string;
  readonly cargo: Build;
  readonly ours: Build;
}

export interface WorkspaceBenchmark {
  readonly edits: readonly WorkspaceCase[];
  /** Many small components: the wall time of each build in which nothing changed, in milliseconds. */
  readonly unchangedMs: readonly number[];
}

const repository = resolve(import.meta.dirname, '../../..');

/** Returns the edits of the workspace in `folder`, in the order in which they are measured. */
const edits: readonly { readonly name: string; readonly apply: (folder: string) => Promise<void> }[] = [
  { name: 'cold', apply: () => Promise.resolve() },
  { name: 'nothing changed', apply: () => Promise.resolve() },
  {
    name: 'one driver edited',
    apply: (folder) => appendFile(join(folder, driverSource(7)), '\n#[used]\nstatic ADDED: u64 = 7;\n'),
  },
  { name: 'comment in its manifest', apply: (folder) => appendFile(join(folder, 'drivers/d07/Cargo.toml'), '\n# A comment.\n') },
  { name: "comment in the workspace's manifest", apply: (folder) => appendFile(join(folder, 'Cargo.toml'), '\n# A comment.\n') },
  { name: 'every file written again with the same bytes', apply: rewritten },
  {
    name: 'a private function added to a library that all drivers use',
    apply: (folder) => appendFile(join(folder, 'lib/common/src/lib.rs'), '\n#[allow(dead_code)]\nfn added() -> u64 {\n    7\n}\n'),
  },
];

export interface WorkspaceRequest {
  /** A folder for copies, caches and target folders. */
  readonly scratch: string;
  readonly env: Readonly<Record<string, string>>;
  readonly repeat: number;
  /** The number of members of the workspace, at least 13. */
  readonly members: number;
  /** The number of components that share no workspace, and of all their crates. */
  readonly components: number;
  readonly crates: number;
}

export async function benchmarkWorkspace(request: WorkspaceRequest, context: Context): Promise<WorkspaceBenchmark> {
  const folder = join(request.scratch, 'base');
  await writeFiles(folder, driverWorkspace(request.members));
  const cases: WorkspaceCase[] = [];
  for (const { name, apply } of edits) {
    await apply(folder);
    cases.push({ name, cargo: await byCargo(folder, request, context), ours: await byUs([folder], request, context) });
    context.report({ kind: 'note', text: `measured: ${name}` });
  }
  const many = join(request.scratch, 'many');
  await writeFiles(many, manyProjects(request.components, request.crates));
  const set = join(request.scratch, 'many.toml');
  const names = (await readdir(many)).sort();
  await writeFile(set, names.map((name) => `[[project]]\npath = "many/${name}"\n`).join(''));
  await byUs(['--set', set], request, context);
  const unchangedMs: number[] = [];
  for (let round = 0; round < request.repeat; round++) unchangedMs.push((await byUs(['--set', set], request, context)).wallMs);
  return { edits: cases, unchangedMs };
}

/** Replaces every file by a copy, as switching to another branch and back does. */
async function rewritten(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const nowSeconds = (performance.timeOrigin + performance.now()) / 1000;
    await writeFile(`${path}.new`, await readFile(path));
    await utimes(`${path}.new`, nowSeconds, nowSeconds);
    await rename(`${path}.new`, path);
  }
}

async function byCargo(folder: string, { scratch, env }: WorkspaceRequest, { signal }: Context): Promise<Build> {
  const argv = ['/usr/bin/env', 'cargo', 'build', '--release', '--offline', '--verbose'];
  const { exitCode, stderr, durationMs } = await run(argv, {
    cwd: folder,
    env: { ...env, CARGO_TARGET_DIR: join(scratch, 'target') },
    signal,
  });
  if (exitCode !== 0) throw cannot('measure', 'cargo cannot build the workspace', { detail: stderr });
  return { wallMs: durationMs, compilations: stderr.match(/^ +Running `/gm)?.length ?? 0 };
}

async function byUs(words: readonly string[], { scratch, env }: WorkspaceRequest, { signal }: Context): Promise<Build> {
  const zx = [process.execPath, join(repository, 'lib/cli/zx.mjs'), join(repository, 'tasks/crates.ts')];
  const folders = ['--release', '--cache', join(scratch, 'cache'), '--out', join(scratch, 'out')];
  const { exitCode, stdout, stderr, durationMs } = await run([...zx, ...words, ...folders, '--json', '--quiet'], {
    cwd: scratch,
    env,
    signal,
  });
  if (exitCode !== 0) throw cannot('measure', 'we cannot build the workspace', { detail: stderr });
  return { wallMs: durationMs, compilations: unitsBuilt(taskResult(stdout)) };
}
