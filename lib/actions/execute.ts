// Runs one action. It stages the inputs, runs the command in bubblewrap (or without a sandbox, with the paths
// of the host instead of sandbox paths), and stores the outputs as artifacts. An action of the user's own
// packages runs under the tracer if there is one. This module knows neither what the command means nor when
// it is needed.
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Action, ActionResult, AwaitedInputs } from './action.ts';
import { collectOutputs, filesWithLinks, onlyFiles, watchEarly, withoutAnnouncements } from './output-folder.ts';
import { isBelow, root } from './place.ts';
import { bubblewrapArgv, outsideEnv, remapArgs, toHostPaths, toPlaces } from './sandbox/sandbox.ts';
import type { Bubblewrap, Sandbox, View } from './sandbox/sandbox.ts';
import { copyState, incrementalFolder, keepState, shadowFolders, stageAwaited, stageInputs, takeStateBefore } from './stage.ts';
import { libraryMounts, libraryPlaces, runTraced, tracedArgv, tracerPlace } from './sandbox/tracer.ts';
import type { Trace } from './sandbox/tracer.ts';
import type { Violation } from './sandbox/witness.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { cannot, errnoOf } from '../core/errors.ts';
import type { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { encodePath } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import type { RunOptions, RunResult } from '../core/sh.ts';
import { formatBytes, MiB } from '../core/sizes.ts';

/**
 * The outcome of an action. `shareable` is false if, without a sandbox, an artifact contains a path of this
 * host. `startedMs` is the start time by the clock of the file system: a source that changed later may differ
 * from the file that was read.
 */
export type Execution =
  | {
      readonly ok: true;
      readonly result: ActionResult;
      readonly shareable: boolean;
      readonly startedMs: number;
      /** The path accesses of the command, if it ran under the tracer. */
      readonly trace?: Trace;
    }
  | {
      readonly ok: false;
      readonly stdout: string;
      readonly stderr: string;
      readonly exitCode: number | null;
      readonly trace?: Trace;
      /** Accesses that the sandbox refused, if they were examined. */
      readonly violations?: readonly Violation[];
    };

/** The whole output of a command is kept in memory and read as text. */
const mostOutputBytes = 64 * MiB;

/** Runs the action. Its folder is always removed, but later (`CacheFolder.discard`). */
export async function execute(action: Action, sandbox: Sandbox, cache: CacheFolder, { signal }: Context): Promise<Execution> {
  const stage = mkdtempSync(join(cache.tmpDir, 'action-'));
  try {
    const startedMs = statSync(stage).ctimeMs;
    const gate = action.awaited ? gateOf(action.awaited, stage) : undefined;
    const shadows = shadowFolders(action, await stageInputs(action, stage, cache), stage);
    const { view } = shadows;
    const env = { ...action.record.env, ...action.ambientEnv };
    const outDir = view.writable[action.record.outputDir] ?? stage;
    const state = join(outDir, incrementalFolder);
    if (action.incremental !== undefined) {
      copyState(action.incremental, state);
      if (takeStateBefore(action.incremental, `${stage}-state`)) cache.discard(`${stage}-state`);
    }
    const early = action.record.kind === 'rustc' ? watchEarly(action.early, outDir, cache) : undefined;
    const options = {
      cwd: stage,
      env,
      signal,
      mostOutputBytes,
      ...(early ? { onStderr: early.hear } : {}),
      ...(gate ? { released: gate.released } : {}),
    };
    const command = (): Promise<Output> =>
      sandbox.kind === 'bubblewrap' ? runShut(action, sandbox, view, options, stage) : runBare(action, view, options, stage);
    const { slot = (work) => work() } = action;
    const output = await (gate ? gate.pass(command, slot) : slot(command));
    const { trace } = output;
    if (output.exitCode === 0 && !output.printedTooMuch) await action.finished?.(outDir);
    const taken = (await early?.settled()) ?? new Map();
    if (output.printedTooMuch) throw cannot(`build ${action.label}`, `its command printed more than ${formatBytes(mostOutputBytes)}`);
    if (output.exitCode !== 0) {
      if (/No space left on device/.test(output.stderr) || (await isFull(stage, output.stderr))) {
        throw noSpace(action);
      }
      return { ok: false, stdout: output.stdout, stderr: output.stderr, exitCode: output.exitCode, ...(trace ? { trace } : {}) };
    }
    if (action.incremental !== undefined) keepState(state, action.incremental);
    if (action.record.kind === 'rustc') shadows.moveWritten(outDir);
    const shared = action.incremental === undefined ? new Set<string>() : filesWithLinks(outDir);
    const bare = sandbox.kind === 'none';
    const hostPaths = bare ? Object.values({ ...view.readOnly, ...view.writable }) : [];
    const target = (written: string): string => (bare ? toPlaces(written, view) : written);
    const folder = {
      dir: outDir,
      spare: join(stage, 'unnamed'),
      taken,
      target,
      hostPaths,
      shared,
      mayLend: action.incremental !== undefined,
    };
    const { artifacts, holdsHostPath } = await collectOutputs(folder, cache);
    const result = {
      artifacts: action.record.kind === 'rustc' ? onlyFiles(artifacts) : artifacts,
      stdout: output.stdout,
      stderr: withoutAnnouncements(output.stderr),
      durationMs: Math.round(output.durationMs),
    };
    return { ok: true, result, shareable: !holdsHostPath, startedMs, ...(trace ? { trace } : {}) };
  } catch (error) {
    throw errnoOf(error) === 'ENOSPC' ? noSpace(action, error) : error;
  } finally {
    cache.discard(stage);
  }
}

interface Gate {
  /** Resolves when the command may run. */
  readonly released: Promise<void>;
  /** Starts the command, which waits. It runs as soon as its inputs are there and `slot` runs it. */
  pass(command: () => Promise<Output>, slot: NonNullable<Action['slot']>): Promise<Output>;
}

function gateOf(awaited: AwaitedInputs, stage: string): Gate {
  const [staged, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  awaited.listen((files) => {
    stageAwaited(files, stage);
    staged.resolve();
  });
  return {
    released: released.promise,
    async pass(command, slot) {
      const startMs = performance.now();
      const running = command();
      await Promise.race([staged.promise, running]); // the end of the command before is an error
      return await slot(async () => {
        const waitedMs = performance.now() - startMs;
        released.resolve();
        const output = await running;
        return { ...output, durationMs: output.durationMs - waitedMs };
      });
    },
  };
}

function noSpace({ label }: Action, cause?: unknown): Failure {
  const hint = 'free some space, or choose another folder with --cache DIR';
  return cannot(`build ${label}`, 'no space left on the device', { blame: 'host', hint, cause });
}

/**
 * Linkers that write through memory maps are killed by a signal if the disk is full. They print no message,
 * and their output file is gone.
 */
async function isFull(dir: string, stderr: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize < (/signal 7 \[Bus error\]|SIGBUS/.test(stderr) ? 256 : 4) * MiB;
}

/** `trace` has the path accesses of the command, if it ran under the tracer. */
export type Output = RunResult & { readonly trace?: Trace };

/**
 * Folders in which accesses are not inputs: tools of the host are identified otherwise, and the rest does not
 * belong to the user.
 */
const untraced = ['/usr', '/lib', '/lib32', '/lib64', '/bin', '/sbin', '/nix/store', '/proc', '/sys', '/dev'];

/** Runs the action in the sandbox. `stage` is the action's own folder. */
export async function runShut(
  { record, own, tracer, quiet }: Action,
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
  // Scripts run programs of any kind, most of them short ones, which the library would not make faster.
  const library = record.kind === 'rustc' && quiet !== undefined ? libraryMounts(quiet, ignored, stage) : undefined;
  const flags = ['sealed', ...(library ? ['quiet'] : []), 'ends', ...(options.released ? ['waits'] : [])];
  const words = [...flags, ...(library ? libraryPlaces : []), ...ignored];
  const traced = tracedArgv(tracerPlace, record.argv, words, own.mayWrite);
  const wider = { ...view, readOnly: { ...view.readOnly, ...library, [tracerPlace]: tracer } };
  const argv = bubblewrapArgv(sandbox, traced, record.cwd, wider, options.env);
  return withArgumentFile(argv, 5, stage, (words, files) => runTraced(words, stage, { ...outside, files }));
}

/**
 * Node encodes arguments as UTF-8. If the path of a mount is not UTF-8, bubblewrap reads its own arguments
 * from an open file, which the child process receives as descriptor `fd`.
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

/** Runs the action without a sandbox. For rustc, paths are mapped back to places. */
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

/**
 * Replaces host paths by places in dep-info files. They name the action's own folder, which rustc's path
 * remapping does not change.
 */
function placeDepInfo(outDir: string, view: View): void {
  const names = existsSync(outDir) ? readdirSync(outDir).filter((name) => name.endsWith('.d')) : [];
  for (const name of names) {
    const path = join(outDir, name);
    if (lstatSync(path).isFile()) writeFileSync(path, toPlaces(readFileSync(path, 'utf8'), view));
  }
}
