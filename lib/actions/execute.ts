// Carries out one action: stages its inputs, runs the command in the sandbox, and turns what it wrote into artifacts of the store.
// Knows neither what the command means nor when it is needed.
import { mkdtemp, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { removeTree } from '../core/paths.ts';
import { formatBytes, MiB } from '../core/sizes.ts';
import type { Action, ActionResult } from './action.ts';
import { watchEarly, withoutAnnouncements } from './early-artifact.ts';
import { collectOutputs, onlyFiles } from './output-folder.ts';
import { runBare, runShut } from './run-action.ts';
import type { Output } from './run-action.ts';
import { toPlaces } from './sandbox/sandbox.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { shadowFolders } from './sandbox/shadow.ts';
import { stageInputs } from './stage.ts';
import type { Trace } from './sandbox/tracer.ts';
import type { Violation } from './sandbox/violation.ts';

/**
 * How an action ended. `shareable` is false when, without a sandbox, an artifact holds a path of this host. `startedMs` is when it
 * began by the clock of the file system: a source changed later than that may not be what was read.
 */
export type Execution =
  | {
      readonly ok: true;
      readonly result: ActionResult;
      readonly shareable: boolean;
      readonly startedMs: number;
      /** What it did with paths, where it ran under the tracer. */
      readonly trace?: Trace;
    }
  | {
      readonly ok: false;
      readonly stdout: string;
      readonly stderr: string;
      readonly exitCode: number | null;
      readonly trace?: Trace;
      /** What the sandbox refused it, where that was looked into. */
      readonly violations?: readonly Violation[];
    };

/** All that a command prints is kept in memory, and read as text. */
const mostOutputBytes = 64 * MiB;

/** Runs the action. Its folder is removed whatever happens. */
export async function execute(action: Action, sandbox: Sandbox, cache: Cache, { signal }: Context): Promise<Execution> {
  const stage = await mkdtemp(join(cache.tmpDir, 'action-'));
  try {
    const startedMs = (await stat(stage)).ctimeMs;
    const shadows = shadowFolders(action, await stageInputs(action, stage, cache), stage);
    const { view } = shadows;
    const env = { ...action.record.env, ...action.ambientEnv };
    const outDir = view.writable[action.record.outputDir] ?? stage;
    const early = action.early && watchEarly(action.early, outDir, cache);
    const options = { cwd: stage, env, signal, mostOutputBytes, ...(early ? { onStderr: early.hear } : {}) };
    const command = (): Promise<Output> =>
      sandbox.kind === 'bubblewrap' ? runShut(action, sandbox, view, options, stage) : runBare(action, view, options, stage);
    const output = await (action.slot ? action.slot(command) : command());
    const { trace } = output;
    const taken = await early?.settled();
    if (output.printedTooMuch) throw cannot(`build ${action.label}`, `its command printed more than ${formatBytes(mostOutputBytes)}`);
    if (output.exitCode !== 0) {
      if (/No space left on device/.test(output.stderr) || (await isFull(stage, output.stderr))) {
        const hint = 'free some space, or choose another folder with --cache DIR';
        throw cannot(`build ${action.label}`, 'no space left on the device', { blame: 'host', hint });
      }
      return { ok: false, stdout: output.stdout, stderr: output.stderr, exitCode: output.exitCode, ...(trace ? { trace } : {}) };
    }
    if (action.record.kind === 'rustc') shadows.moveWritten(outDir);
    const bare = sandbox.kind === 'none';
    const hostPaths = bare ? Object.values({ ...view.readOnly, ...view.writable }) : [];
    const target = (written: string): string => (bare ? toPlaces(written, view) : written);
    const folder = { dir: outDir, spare: join(stage, 'unnamed'), taken, target, hostPaths };
    const { artifacts, holdsHostPath } = await collectOutputs(folder, cache);
    const result = {
      artifacts: action.record.kind === 'rustc' ? onlyFiles(artifacts) : artifacts,
      stdout: output.stdout,
      stderr: withoutAnnouncements(output.stderr),
      durationMs: Math.round(output.durationMs),
    };
    return { ok: true, result, shareable: !holdsHostPath, startedMs, ...(trace ? { trace } : {}) };
  } finally {
    removeTree(stage); // what cannot be removed now is swept when its process has ended
  }
}

/** Linkers that write through memory maps die of a full disk by a signal, without a word about it, and their file goes with them. */
async function isFull(dir: string, stderr: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize < (/signal 7 \[Bus error\]|SIGBUS/.test(stderr) ? 256 : 4) * MiB;
}
