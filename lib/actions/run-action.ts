// Runs the command of an action: shut in by bubblewrap, or bare with the host's paths in place of ours. An action of the user's own packages runs
// under the tracer where there is one.
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePath } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunOptions, RunResult } from '../core/sh.ts';
import type { Action } from './action.ts';
import { isBelow } from './sandbox/mounts.ts';
import { bubblewrapArgv, outsideEnv, remapArgs, toHostPaths, toPlaces } from './sandbox/sandbox.ts';
import { root } from './sandbox/root.ts';
import type { Bubblewrap, View } from './sandbox/sandbox.ts';
import { runTraced, tracedArgv } from './sandbox/tracer.ts';
import type { Trace } from './sandbox/tracer.ts';

/** `trace` is what the command did with paths, where it ran under the tracer. */
export type Output = RunResult & { readonly trace?: Trace };

/** Where the tracer's program is in the sandbox. */
export const tracerPlace = `${root}/tracer`;

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
  if (!own || tracer === undefined) {
    const argv = bubblewrapArgv(sandbox, record.argv, record.cwd, view, options.env);
    return withArgumentFile(argv, 3, stage, (words, files) => run(words, { ...outside, files }));
  }
  const counted = [...own.counted, ...Object.keys(own.around)];
  const others = Object.keys({ ...view.readOnly, ...view.writable }).filter(
    (place) => !isBelow(place, counted) && !own.mayWrite.some((one) => isBelow(one, [place])),
  );
  const ignored = [...untraced, '/tmp', ...others].filter((folder) => !counted.some((place) => isBelow(place, [folder])));
  const traced = tracedArgv(tracerPlace, record.argv, ['sealed', ...ignored], own.mayWrite);
  const wider = { ...view, readOnly: { ...view.readOnly, [tracerPlace]: tracer } };
  const argv = bubblewrapArgv(sandbox, traced, record.cwd, wider, options.env);
  return withArgumentFile(argv, 4, stage, (words, files) => runTraced(words, stage, { ...outside, files }));
}

/**
 * Node passes arguments as UTF-8. Where the path of a mount is not UTF-8, bubblewrap reads its own arguments from an open file, which the child
 * gets as number `fd`.
 */
async function withArgumentFile(
  argv: readonly string[],
  fd: number,
  stage: string,
  start: (argv: readonly string[], files: readonly number[]) => Promise<Output>,
): Promise<Output> {
  if (argv.every((word) => typeof encodePath(word) === 'string')) return start(argv, []);
  const [program = '', ...words] = argv;
  const end = words.indexOf('--');
  const path = join(stage, `arguments-${serial++}`);
  writeFileSync(path, Buffer.concat(words.slice(0, end).map((word) => Buffer.concat([Buffer.from(encodePath(word)), Buffer.of(0)]))));
  const file = openSync(path, 'r');
  try {
    return await start([program, '--args', String(fd), ...words.slice(end)], [file]);
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

let serial = 0;

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
