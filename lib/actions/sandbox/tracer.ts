// Runs a command under the tracer (tracer.c), which records every path that the command and its children
// open, inspect or write. Does not know which of these paths matter. That is the task of accesses.ts.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, unlinkSync } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import { decodeName } from '../../core/paths.ts';
import { digestBytes } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { findProgram, run } from '../../core/sh.ts';
import type { RunOptions, RunResult } from '../../core/sh.ts';
import { remembered } from '../../core/remembered.ts';
import type { Witnessed } from '../../core/remembered.ts';
import { isFlag } from '../../core/stored-values.ts';
import { kernelState } from './kernel-state.ts';
import { root } from '../place.ts';

/** The paths of the file system that a process tree used, as it spelled them: absolute and not normalized. */
export interface Trace {
  /** Paths that were opened for reading (files and folders), or executed. */
  readonly read: readonly string[];
  /** Paths that were inspected by stat, access or readlink. */
  readonly looked: readonly string[];
  /** Paths that were opened for writing, created, removed or renamed. Failed attempts are included. */
  readonly written: readonly string[];
  /**
   * False if an access may be missing, because a path could not be read or because there were more than a
   * million.
   */
  readonly complete: boolean;
}

export interface Tracer {
  /** The path of the tracer's program on the host. */
  readonly program: string;
}

/** The path of the tracer's program in the sandbox. */
export const tracerPlace = `${root}/tracer`;

/** The number of the log's file descriptor in the child. */
const logNumber = 3;

/**
 * Returns the command line that runs `argv` under the tracer at `program`. Paths in `ignored` folders are not
 * recorded, unless a link in them leads outside. For paths in `linked` folders, the target of a link is
 * recorded too.
 */
export function tracedArgv(
  program: string,
  argv: readonly string[],
  ignored: readonly string[],
  linked: readonly string[] = [],
): readonly string[] {
  return [program, String(logNumber), ...ignored, ...linked.map((folder) => `+${folder}`), '--', ...argv];
}

/**
 * Runs a command line that starts the tracer (`tracedArgv`), in a sandbox or not. The log is an unlinked file
 * in `folder`.
 */
export async function runTraced(
  argv: readonly string[],
  folder: string,
  options: RunOptions,
): Promise<RunResult & { readonly trace: Trace }> {
  const path = join(folder, `trace-${serial++}`);
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    unlinkSync(path); // no other process can open it, and it needs no cleanup
    const result = await run(argv, { ...options, files: [file, ...(options.files ?? [])] });
    return { ...result, trace: parseTrace(contentOf(file)) };
  } finally {
    closeSync(file);
  }
}

let serial = 0;

/** Reads the whole file from its start. The child has moved the file position, which both processes share. */
function contentOf(file: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(file).size);
  for (let at = 0; at < bytes.length;) {
    const count = readSync(file, bytes, at, bytes.length - at, at);
    if (count === 0) break;
    at += count;
  }
  return bytes;
}

/** Reads a log of the tracer. Each record is a letter and a path, and ends with a zero byte. */
export function parseTrace(log: Buffer): Trace {
  const [read, looked, written] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const sets: Readonly<Record<string, Set<string>>> = { r: read, l: looked, w: written };
  let complete = true;
  for (let at = 0; at < log.length;) {
    const end = log.indexOf(0, at + 1);
    if (end < 0) return { read: [...read], looked: [...looked], written: [...written], complete: false };
    const set = sets[String.fromCharCode(log[at] ?? 0)];
    if (set) set.add(decodeName(log.subarray(at + 1, end)));
    else complete = false;
    at = end + 1;
  }
  return { read: [...read], looked: [...looked], written: [...written], complete };
}

/**
 * Returns the tracer, which the host's C compiler compiles once for each cache. Undefined if there is no
 * compiler, or if the kernel does not support user notification (before Linux 5.5, or in a container that
 * forbids it).
 */
export async function openTracer(cache: CacheFolder, { signal }: Pick<Context, 'signal'>): Promise<Tracer | undefined> {
  const source = readFileSync(join(import.meta.dirname, 'tracer.c'));
  const folder = join(cache.dir, 'tools');
  const program = join(folder, `tracer-${digestBytes(source).slice(0, 16)}`);
  if (!(await absentAsUndefined(stat(program)))) {
    const cc = await findProgram('cc', '/usr/bin:/bin');
    const partial = join(cache.tmpDir, 'tracer');
    const text = join(cache.tmpDir, 'tracer.c');
    if (!cc) return undefined;
    await writeFile(text, source);
    const made = await run([cc, '-O2', '-o', partial, text], { cwd: cache.tmpDir, env: {}, signal });
    if (made.exitCode !== 0) return undefined;
    await mkdir(folder, { recursive: true });
    await rename(partial, program);
  }
  const question = { program, kernel: await kernelState() };
  const probed = async (): Promise<Witnessed<boolean>> => {
    const probe = tracedArgv(program, ['/bin/sh', '-c', ': </etc/passwd'], []);
    const { exitCode, trace } = await runTraced(probe, cache.tmpDir, { cwd: '/', env: {}, signal });
    return { value: exitCode === 0 && trace.complete && trace.read.includes('/etc/passwd'), witnesses: [program] };
  };
  return (await remembered(cache.root, 'tracer', question, probed, isFlag)) ? { program } : undefined;
}
