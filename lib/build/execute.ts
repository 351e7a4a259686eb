// Carries out one action: stages its inputs, runs the command in the sandbox, and turns what it wrote into artifacts of the store.
// Knows neither what the command means nor when it is needed.
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import type { RunOptions } from '../core/sh.ts';
import { stampOf, watchEarly, withoutAnnouncements } from './early-artifact.ts';
import type { Taken } from './early-artifact.ts';
import { MiB } from '../core/sizes.ts';
import type { Action, ActionResult, Artifact } from './action.ts';
import { shownMounts } from './mounts.ts';
import { bubblewrapArgv, remapArgs, root, toHostPaths, toPlaces } from './sandbox.ts';
import type { Sandbox, View } from './sandbox.ts';
import type { Violation } from './violation.ts';

/**
 * How an action ended. `shareable` is false when, without a sandbox, an artifact holds a path of this host. `startedMs` is when it
 * began by the clock of the file system: a source changed later than that may not be what was read.
 */
export type Execution =
  | { readonly ok: true; readonly result: ActionResult; readonly shareable: boolean; readonly startedMs: number }
  | {
      readonly ok: false;
      readonly stdout: string;
      readonly stderr: string;
      readonly exitCode: number | null;
      /** What the sandbox refused it, where that was looked into. */
      readonly violations?: readonly Violation[];
    };

/** Runs the action. Its folder is removed whatever happens. */
export async function execute(action: Action, sandbox: Sandbox, cache: Cache, { signal }: Context): Promise<Execution> {
  const stage = await mkdtemp(join(cache.tmpDir, 'action-'));
  try {
    const startedMs = (await stat(stage)).ctimeMs;
    const view = await stageInputs(action, stage, cache);
    const env = { ...action.record.env, ...action.ambientEnv };
    const outDir = view.writable[action.record.outputDir] ?? stage;
    const early = action.early && watchEarly(action.early, outDir, cache);
    const options = { cwd: stage, env, signal, ...(early ? { onStderr: early.hear } : {}) };
    const command = (): ReturnType<typeof run> =>
      sandbox.kind === 'bubblewrap'
        ? run(bubblewrapArgv(sandbox, action.record.argv, action.record.cwd, view), options)
        : runBare(action, view, options);
    const output = await (action.slot ? action.slot(command) : command());
    const taken = await early?.settled();
    if (output.exitCode !== 0) {
      if (/No space left on device/.test(output.stderr) || (await isFull(stage, output.stderr))) {
        const hint = 'free some space, or choose another folder with --cache DIR';
        throw cannot(`build ${action.label}`, 'no space left on the device', { blame: 'host', hint });
      }
      return { ok: false, stdout: output.stdout, stderr: output.stderr, exitCode: output.exitCode };
    }
    const shareable = sandbox.kind === 'bubblewrap' || !(await mentions(outDir, Object.values({ ...view.readOnly, ...view.writable })));
    await resolveLinks(outDir, join(stage, 'link-target'));
    const artifacts = await adopt(outDir, '', taken, cache);
    const result = {
      artifacts,
      stdout: output.stdout,
      stderr: withoutAnnouncements(output.stderr),
      durationMs: Math.round(output.durationMs),
    };
    return { ok: true, result, shareable, startedMs };
  } finally {
    // Hundreds of links: one call costs a tenth of a promise for each.
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Linkers that write through memory maps die of a full disk by a signal, without a word about it, and their file goes with them. */
async function isFull(dir: string, stderr: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize < (/signal 7 \[Bus error\]|SIGBUS/.test(stderr) ? 256 : 4) * MiB;
}

/** Links every input to its place below `stage` and makes the output folder. Inputs are mounted by the folder below the root. */
export async function stageInputs(action: Action, stage: string, cache: Cache): Promise<View> {
  const readOnly: Record<string, string> = { ...shownMounts(action) };
  const made = new Set<string>();
  const folder = (path: string): void => {
    if (made.has(path)) return;
    made.add(path);
    mkdirSync(path, { recursive: true });
  };
  for (const [place, digest] of Object.entries(action.record.inputs)) {
    if (!(await cache.content.holds(digest))) throw new DamagedBlob(digest);
    folder(dirname(join(stage, place)));
    // It was there a moment ago: garbage collection of another process took it.
    if (!(await absentAsUndefined(cache.content.linkTo(digest, join(stage, place)).then(() => true)))) throw new DamagedBlob(digest);
    const top = `${root}/${place.split('/')[2] ?? ''}`;
    readOnly[top] = join(stage, top);
  }
  const outDir = join(stage, action.record.outputDir);
  folder(outDir);
  return { readOnly, writable: { ...action.ambientMounts, [action.record.outputDir]: outDir }, network: action.record.network === true };
}

/** Without a sandbox: the host's paths in place of ours, and for rustc the remapping back. */
async function runBare({ record }: Action, view: View, options: RunOptions): ReturnType<typeof run> {
  const argv = record.argv.map((word) => toHostPaths(word, view));
  const remap = record.kind === 'rustc' ? remapArgs(view) : [];
  const hostEnv = Object.fromEntries(Object.entries(options.env).map(([name, value]) => [name, toHostPaths(value, view)]));
  const output = await run([...argv, ...remap], { ...options, cwd: toHostPaths(record.cwd, view), env: hostEnv });
  return { ...output, stdout: toPlaces(output.stdout, view), stderr: toPlaces(output.stderr, view) };
}

/**
 * Puts a copy of its target in the place of every symbolic link to a file within `dir`: artifacts are files. One that leads out of `dir`, to a
 * folder or nowhere is dropped. All are resolved before the first file leaves for the store. `spare` is a free path beside `dir`.
 */
async function resolveLinks(dir: string, spare: string): Promise<void> {
  const home = `${await realpath(dir)}/`;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const target = await realpath(path).catch(() => undefined); // nowhere, or round in circles
    if (target?.startsWith(home) && (await stat(target)).isFile()) {
      await copyFile(target, spare);
      await rename(spare, path);
    } else {
      await rm(path);
    }
  }
}

/** Moves all files below `dir` into the store, but for the one that was `taken` and is as it was then. */
async function adopt(dir: string, prefix: string, taken: Taken | undefined, cache: Cache): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  const entries = await readdir(join(dir, prefix), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => byCodeUnit(a.name, b.name))) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) artifacts.push(...(await adopt(dir, path, taken, cache)));
    if (!entry.isFile()) continue;
    const about = await stat(join(dir, path));
    if (taken?.artifact.path === path && taken.stamp === stampOf(about)) {
      artifacts.push(taken.artifact);
      continue;
    }
    const { digest, sizeBytes } = await cache.content.adoptFile(join(dir, path));
    artifacts.push({ path, digest, sizeBytes, executable: (about.mode & 0o111) !== 0 });
  }
  return artifacts;
}

/** Does any file below `dir` hold one of these paths? */
async function mentions(dir: string, paths: readonly string[]): Promise<boolean> {
  const needles = paths.map((path) => Buffer.from(path));
  const longest = Math.max(0, ...needles.map((needle) => needle.length));
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    let tail = Buffer.alloc(0);
    for await (const chunk of createReadStream(join(entry.parentPath, entry.name), { highWaterMark: 1 << 20 })) {
      const window = Buffer.concat([tail, chunk as Buffer]);
      if (needles.some((needle) => window.includes(needle))) return true;
      tail = window.subarray(Math.max(0, window.length - longest));
    }
  }
  return false;
}
