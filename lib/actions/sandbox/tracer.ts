// Runs a command under the tracer (tracer.c), which records every path that the command and its children
// open, inspect or write. Does not know which of these paths matter. That is the task of accesses.ts.
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import { decodeName, encodePath } from '../../core/paths.ts';
import { digestRecord } from '../../core/digest.ts';
import { absentAsUndefined } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { findProgram, run } from '../../core/sh.ts';
import type { RunOptions, RunResult } from '../../core/sh.ts';
import { remembered } from '../../core/remembered.ts';
import type { Witnessed } from '../../core/remembered.ts';
import { isFlag } from '../../core/stored-values.ts';
import { kernelState } from './kernel-state.ts';
import type { KernelState } from './kernel-state.ts';
import { root } from '../place.ts';
import { bubblewrapArgv } from './sandbox.ts';
import type { Bubblewrap, Sandbox } from './sandbox.ts';

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
  /** The path of the library that saves notifications (quiet.c) on the host, if it works. */
  readonly library?: string;
}

/** The path of the tracer's program in the sandbox. */
export const tracerPlace = `${root}/tracer`;

const libraryPlace = `${root}/quiet.so`;
const listPlace = `${root}/quiet.folders`;
const preloadPlace = '/etc/ld.so.preload';

/**
 * Returns what the sandbox shows in addition, so that its programs load the library: place -> path on the
 * host. Writes files to `folder`. No variable is set, because rustc and macros could read it. The dynamic
 * linker of another C library than the host's ignores the file.
 */
export function libraryMounts(library: string, ignored: readonly string[], folder: string): Readonly<Record<string, string>> {
  const [list, preload] = [join(folder, 'quiet.folders'), join(folder, 'ld.so.preload')];
  writeFileSync(list, Buffer.concat(ignored.map((path) => Buffer.concat([Buffer.from(encodePath(path)), Buffer.of(0)]))));
  writeFileSync(preload, `${libraryPlace}\n`);
  return { [libraryPlace]: library, [listPlace]: list, [preloadPlace]: preload };
}

/** The files of the library, of which a trace records nothing. */
export const libraryPlaces: readonly string[] = [libraryPlace, listPlace, preloadPlace];

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
 * in `folder`. The next file of the child is a pipe, to which a tracer with the word "ends" writes the exit code.
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
    const result = await run(argv, { ...options, files: [file, 'end', ...(options.files ?? [])] });
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
 * forbids it). The library is for actions in `sandbox`.
 */
export async function openTracer(
  cache: CacheFolder,
  { signal }: Pick<Context, 'signal'>,
  sandbox: Sandbox = { kind: 'none' },
): Promise<Tracer | undefined> {
  const program = await compiled('tracer', 'tracer.c', [], cache, signal);
  if (program === undefined) return undefined;
  const kernel = await kernelState();
  const question = { program, kernel };
  const probed = async (): Promise<Witnessed<boolean>> => {
    const probe = tracedArgv(program, ['/bin/sh', '-c', ': </etc/passwd'], []);
    const { exitCode, trace } = await runTraced(probe, cache.tmpDir, { cwd: '/', env: {}, signal });
    return { value: exitCode === 0 && trace.complete && trace.read.includes('/etc/passwd'), witnesses: [program] };
  };
  if (!(await remembered(cache.root, 'tracer', question, probed, isFlag))) return undefined;
  const library = sandbox.kind === 'none' ? undefined : await openLibrary({ program, kernel }, sandbox, cache, signal);
  return library === undefined ? { program } : { program, library };
}

/** Dynamic linkers of glibc, of the architectures for which there is a tracer. */
const ownLinkers: Readonly<Record<string, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
  riscv64: '/lib/ld-linux-riscv64-lp64d.so.1',
};

/**
 * Dynamic linkers of other architectures and of 32-bit programs. They would print an error for a library that
 * they cannot load.
 */
const otherLinkers = [
  ...['/lib/ld-linux.so.2', '/lib/ld-linux.so.3', '/lib/ld-linux-armhf.so.3', '/libx32/ld-linux-x32.so.2'],
  ...Object.entries(ownLinkers).flatMap(([arch, path]) => (arch === process.arch ? [] : [path])),
];

/** Returns the path of the library in the cache, or undefined if it cannot be compiled. */
export async function compileLibrary(cache: CacheFolder, signal: AbortSignal): Promise<string | undefined> {
  return await compiled('quiet.so', 'quiet.c', ['-shared', '-fPIC'], cache, signal);
}

/**
 * Returns the library if it works on this host. In the probe it has one folder that the tracer does not
 * ignore. The library works if no path in that folder is recorded.
 */
async function openLibrary(
  { program, kernel }: { readonly program: string; readonly kernel: KernelState },
  sandbox: Bubblewrap,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<string | undefined> {
  const library = await compileLibrary(cache, signal);
  if (library === undefined) return undefined;
  const probed = async (): Promise<Witnessed<boolean>> => {
    const readOnly = { ...libraryMounts(library, ['/dev'], cache.tmpDir), [tracerPlace]: program };
    const words = ['/bin/sh', '-c', 'test -e /tmp/seen; : </dev/null'];
    const probe = bubblewrapArgv(sandbox, tracedArgv(tracerPlace, words, ['quiet']), '/', { readOnly, writable: {} });
    const { exitCode, stderr, trace } = await runTraced(probe, cache.tmpDir, { cwd: '/', env: {}, signal });
    const seen = trace.looked.includes('/tmp/seen') && !trace.read.includes('/dev/null');
    const works = exitCode === 0 && stderr === '' && trace.complete && seen && !otherLinkers.some((path) => existsSync(path));
    return { value: works, witnesses: [program, library, sandbox.program, ...otherLinkers] };
  };
  const question = { program, library, isolation: sandbox.isolation, kernel };
  return (await remembered(cache.root, 'quiet', question, probed, isFlag)) ? library : undefined;
}

/**
 * Compiles a source of this folder with the header that both sources use. Returns the path in the cache, or
 * undefined if there is no compiler or if it fails.
 */
async function compiled(
  name: string,
  source: 'tracer.c' | 'quiet.c',
  flags: readonly string[],
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<string | undefined> {
  const texts = Object.fromEntries([source, 'quiet.h'].map((file) => [file, readFileSync(join(import.meta.dirname, file), 'utf8')]));
  const folder = join(cache.dir, 'tools');
  const result = join(folder, `${name}-${digestRecord({ texts, flags }).slice(0, 16)}`);
  if (await absentAsUndefined(stat(result))) return result;
  const cc = await findProgram('cc', '/usr/bin:/bin');
  if (!cc) return undefined;
  for (const [file, text] of Object.entries(texts)) await writeFile(join(cache.tmpDir, file), text);
  const partial = join(cache.tmpDir, name);
  const made = await run([cc, '-O2', ...flags, '-o', partial, join(cache.tmpDir, source), '-ldl'], { cwd: cache.tmpDir, env: {}, signal });
  if (made.exitCode !== 0) return undefined;
  await mkdir(folder, { recursive: true });
  await rename(partial, result);
  return result;
}
