// Runs the command of an action: shut in by bubblewrap, or bare with the host's paths in place of ours. An action of the user's own packages runs
// under the tracer where there is one.
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../core/sh.ts';
import type { RunOptions, RunResult } from '../core/sh.ts';
import type { Action } from './action.ts';
import { isBelow } from './mounts.ts';
import { bubblewrapArgv, outsideEnv, remapArgs, root, toHostPaths, toPlaces } from './sandbox.ts';
import type { Bubblewrap, View } from './sandbox.ts';
import { runTraced, tracedArgv } from './tracer.ts';
import type { Trace } from './tracer.ts';

/** `trace` is what the command did with paths, where it ran under the tracer. */
export type Output = RunResult & { readonly trace?: Trace };

/** Where the tracer's program is in the sandbox. */
const tracerPlace = `${root}/tracer`;

/** Folders in which nothing counts: the host's tools are known by identity, and the rest is no file of the user's. */
const untraced = ['/usr', '/lib', '/lib32', '/lib64', '/bin', '/sbin', '/nix/store', '/proc', '/sys', '/dev'];

/** Runs it in the sandbox. `stage` is the action's own folder. */
export async function runShut(
  { record, own, tracer }: Action,
  sandbox: Bubblewrap,
  view: View,
  options: RunOptions,
  stage: string,
): Promise<Output> {
  const outside = { ...options, env: outsideEnv(options.env) };
  if (!own || tracer === undefined) return run(bubblewrapArgv(sandbox, record.argv, record.cwd, view, options.env), outside);
  const counted = [...own.counted, ...Object.keys(own.around)];
  const others = Object.keys({ ...view.readOnly, ...view.writable }).filter(
    (place) => !isBelow(place, counted) && !own.mayWrite.some((one) => isBelow(one, [place])),
  );
  const ignored = [...untraced, '/tmp', ...others].filter((folder) => !counted.some((place) => isBelow(place, [folder])));
  const traced = tracedArgv(tracerPlace, record.argv, ignored);
  const wider = { ...view, readOnly: { ...view.readOnly, [tracerPlace]: tracer } };
  return runTraced(bubblewrapArgv(sandbox, traced, record.cwd, wider, options.env), stage, outside);
}

/** Runs it without a sandbox, and for rustc with the remapping back. */
export async function runBare({ record, own, tracer }: Action, view: View, options: RunOptions, stage: string): Promise<Output> {
  const words = record.argv.map((word) => toHostPaths(word, view));
  const argv = [...words, ...(record.kind === 'rustc' ? remapArgs(view) : [])];
  const env = Object.fromEntries(Object.entries(options.env).map(([name, value]) => [name, toHostPaths(value, view)]));
  const bare = { ...options, cwd: toHostPaths(record.cwd, view), env };
  const others = Object.entries(view.readOnly).flatMap(([place, path]) => (own && isBelow(place, own.counted) ? [] : [path]));
  const ignored = [...untraced, '/etc/ld.so.cache', '/etc/ld.so.preload', root, ...others, stage];
  const output: Output =
    own && tracer !== undefined ? await runTraced(tracedArgv(tracer, argv, ignored), stage, bare) : await run(argv, bare);
  if (record.kind === 'rustc') placeDepInfo(view.writable[record.outputDir] ?? stage, view);
  return { ...output, stdout: toPlaces(output.stdout, view), stderr: toPlaces(output.stderr, view) };
}

/** Dep-info names the action's own folder, which no remapping of rustc's changes and nobody shares. */
function placeDepInfo(outDir: string, view: View): void {
  const names = existsSync(outDir) ? readdirSync(outDir).filter((name) => name.endsWith('.d')) : [];
  for (const name of names) {
    const path = join(outDir, name);
    if (lstatSync(path).isFile()) writeFileSync(path, toPlaces(readFileSync(path, 'utf8'), view));
  }
}
