// Runs programs of the host for this room. They are found in the given PATH and get an environment that is
// the same on every host.
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import type { RunOptions, RunResult } from '../core/sh.ts';
import { tool } from '../core/tools.ts';

export interface ImageHost {
  /** A value of PATH. */
  readonly path: string;
}

export interface ToolCall {
  /** The action for "Cannot <what>: ...". */
  readonly what: string;
  readonly argv: readonly [program: string, ...words: string[]];
  readonly stdin?: string;
  /** The time that programs with support for SOURCE_DATE_EPOCH use as the present. */
  readonly timestampSec?: number;
  /** Default: "/". */
  readonly cwd?: string;
}

/** Programs in the package of another one, which the table of tools contains. */
const packagedWith: Readonly<Record<string, string>> = {
  debugfs: 'mke2fs',
  e2fsck: 'mke2fs',
  'fsck.vfat': 'mkfs.vfat',
};

/**
 * Runs a program and returns its result for any exit code. A missing program is a Failure (exit 69) that
 * names its package.
 */
export async function tried(call: ToolCall, host: ImageHost, { signal }: Context): Promise<RunResult> {
  const [program, ...words] = call.argv;
  const epoch = String(call.timestampSec ?? 0);
  // e2fsprogs before 1.47.1 does not use SOURCE_DATE_EPOCH
  const now = { SOURCE_DATE_EPOCH: epoch, E2FSPROGS_FAKE_TIME: epoch };
  const env = { PATH: host.path, LC_ALL: 'C.UTF-8', TZ: 'UTC', MTOOLSRC: '/dev/null', ...now };
  const options: RunOptions = { cwd: call.cwd ?? '/', env, signal, ...(call.stdin === undefined ? {} : { stdin: call.stdin }) };
  await tool(packagedWith[program] ?? program, host.path);
  return await run([await tool(program, host.path), ...words], options);
}

/** As `tried`, but a non-zero exit code is a Failure. A full disk is blamed on the host. */
export async function ran(call: ToolCall, host: ImageHost, context: Context): Promise<string> {
  const result = await tried(call, host, context);
  if (result.exitCode === 0) return result.stdout;
  throw toolFailure(call, result);
}

export function toolFailure({ what, argv }: ToolCall, result: RunResult): Error {
  const detail = result.stderr.trim() || result.stdout.trim();
  if (/no space left on device/i.test(detail)) {
    return cannot(what, 'no space left on the device', {
      blame: 'host',
      hint: 'free some space, or choose another folder with --out DIR',
      detail,
    });
  }
  return cannot(what, `${argv[0]} ended with ${result.killedBy ?? `status ${result.exitCode}`}`, { detail });
}

/** A name for an image that is safe for other programs. */
export interface PlainName {
  /** The working directory in which `name` is the image. It is removed afterwards with its content. */
  readonly cwd: string;
  readonly name: string;
}

/**
 * Runs `work` with a link to the image in a separate folder below `scratchDir`, because e2fsprogs interprets
 * a "?" in the path of an image as the start of options.
 */
export async function withPlainName<T>(imagePath: string, scratchDir: string, work: (image: PlainName) => Promise<T>): Promise<T> {
  const cwd = await mkdtemp(join(scratchDir, 'bloomery-image-'));
  try {
    await symlink(resolve(imagePath), join(cwd, 'image'));
    return await work({ cwd, name: 'image' });
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
