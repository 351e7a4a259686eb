// The only module that starts processes. Every command is an argument list that no shell reads; it runs in its own process group with an
// explicit working directory and environment, dies with us whatever kills us, and its failure is a value.
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { $, which } from 'zx/core';
import { decodeName, defaultPath, mayHaveLostBytes } from './paths.ts';
import { cannot, itemOf } from './errors.ts';

export interface RunOptions {
  readonly cwd: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly stdin?: string | Uint8Array;
  /** Ask the child to stop after this long; the result then says `timedOut`. */
  readonly timeoutMs?: number;
  /** The child is killed when it has printed more than this; the result then says `printedTooMuch`. Default: no limit. */
  readonly mostOutputBytes?: number;
  /** Called with each chunk of standard error as it arrives, beside its being kept. */
  readonly onStderr?: (chunk: string) => void;
  /** Open files that the child gets beside its standard streams, as numbers 3, 4, ... */
  readonly files?: readonly number[];
}

export interface RunResult {
  /** null when a signal ended the child. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly printedTooMuch: boolean;
  readonly durationMs: number;
}

/** A started child: wait for `ended`, or `stop()` it (SIGTERM to its process group, SIGKILL after `stopGraceMs`). */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<RunResult>;
  stop(): void;
}

const stopGraceMs = 2000;

/** Starts `argv` at once. Throws a Failure (host) when the program or the folder does not exist. */
export function start(argv: readonly string[], options: RunOptions): Child {
  const startMs = performance.now();
  const env = { PATH: defaultPath, ...options.env };
  checkStartable(itemOf(argv, 0), options.cwd, env.PATH);
  const stdin = options.stdin?.length ? options.stdin : undefined; // zx takes an empty text for none given, and would wait for more
  const proc = $({
    cwd: options.cwd,
    env,
    nothrow: true,
    quiet: true,
    detached: true,
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(options.files ?? [])],
    ...(stdin === undefined ? {} : { input: typeof stdin === 'string' ? stdin : Buffer.from(stdin) }),
    // zx would hand its line to a shell; the line is only a label here. bash reads ~/.bashrc when its input is a socket, as Node's pipes are.
    shell: '/bin/sh',
    prefix: '',
    quote: (word) => word,
    spawn: ((_command: string, _words: readonly string[], spawnOptions: SpawnOptions) => spawnDirectly(argv, spawnOptions)) as typeof spawn,
  })`${argv}`;
  const pid = proc.pid;
  if (pid === undefined) throw cannot(`start "${argv[0]}"`, 'the process could not be created', { blame: 'host' });
  let printedBytes = 0;
  const { mostOutputBytes = Infinity } = options;
  const fits = (bytes: number): boolean => {
    printedBytes += bytes;
    if (printedBytes > mostOutputBytes) signalGroup(pid, 'SIGKILL'); // zx keeps a copy of everything as well
    return printedBytes <= mostOutputBytes;
  };
  const [stdout, stderr] = [heard(proc.stdout, fits), heard(proc.stderr, fits)];
  const decoder = new TextDecoder(); // a letter of several bytes may be cut by a chunk's end
  if (options.onStderr) proc.stderr.on('data', (chunk: Buffer) => options.onStderr?.(decoder.decode(chunk, { stream: true })));

  let settled = false;
  let timedOut = false;
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    if (settled || killTimer) return;
    signalGroup(pid, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(pid, 'SIGKILL'), stopGraceMs);
    killTimer.unref();
  };
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, options.timeoutMs);
  const { signal } = options;
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });

  const ended = Promise.resolve(proc).then((output): RunResult => {
    settled = true;
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', stop);
    return {
      exitCode: output.exitCode,
      killedBy: output.signal,
      stdout: stdout(),
      stderr: stderr(),
      timedOut,
      printedTooMuch: printedBytes > mostOutputBytes,
      durationMs: performance.now() - startMs,
    };
  });
  return { pid, ended, stop };
}

/** Runs `argv` to its end. A non-zero exit is a result, not an exception; an aborted signal is thrown as its reason. */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const result = await start(argv, options).ended;
  options.signal?.throwIfAborted();
  return result;
}

/** Runs `argv` and gives its standard output; anything but exit 0 is a Failure that says what could not be done, with the program's last words. */
export async function outputOf(what: string, argv: readonly string[], options: RunOptions): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode !== 0) {
    throw cannot(what, `${argv[0]} ended with ${result.killedBy ?? `status ${result.exitCode}`}`, {
      detail: result.stderr.trim() || result.stdout.trim(),
    });
  }
  return result.stdout;
}

/** The absolute path of a program on `path` (a PATH value), or undefined. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  return which.sync(name, { path, nothrow: true }) ?? undefined; // an asynchronous look in each folder costs ten times as much
}

/** Keeps what a stream says as long as it fits; gives it as text at the end. zx decodes chunk by chunk, and would break a letter that two of them share. */
function heard(stream: NodeJS.ReadableStream, fits: (bytes: number) => boolean): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    if (fits(chunk.length)) chunks.push(chunk);
  });
  return () => textOf(Buffer.concat(chunks));
}

/** Bytes that are not UTF-8 are kept as lone surrogates (paths.ts), so that a caller can tell them from a U+FFFD that was written. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString();
  return mayHaveLostBytes(text) ? decodeName(bytes) : text;
}

/** Without a shell between: arguments of any length and content, and no start-up files. What a child leaves running in its group ends with it. */
function spawnDirectly(argv: readonly string[], options: SpawnOptions): ChildProcess {
  const [program = '', ...words] = tether(argv);
  const child = spawn(program, words, { ...options, shell: false });
  child.stdin?.on('error', () => undefined); // a child need not read its input
  child.once('exit', () => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  });
  return child;
}

/** setpriv (util-linux) makes the kernel kill the child when this process dies, even by SIGKILL. */
const setpriv = which.sync('setpriv', { path: '/usr/bin:/bin', nothrow: true });

function tether(argv: readonly string[]): readonly string[] {
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--', ...argv] : argv;
}

/** What setpriv or spawn would say less clearly, and later. */
function checkStartable(program: string, cwd: string, path: string): void {
  const what = `start "${program}"`;
  if (!existsSync(cwd)) throw cannot(what, `its working folder "${cwd}" does not exist`, { blame: 'host' });
  if (!program.includes('/')) {
    if (!which.sync(program, { path, nothrow: true }))
      throw cannot(what, 'it is not installed', { blame: 'host', hint: `looked in ${path}` });
    return;
  }
  try {
    accessSync(resolve(cwd, program), constants.X_OK);
  } catch {
    throw cannot(what, existsSync(resolve(cwd, program)) ? 'it is not executable' : 'it does not exist', { blame: 'host' });
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is gone, which is what was wanted
  }
}
