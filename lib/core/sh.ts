// The only module that starts processes. Every command is a list of arguments, without a shell. It runs in
// its own process group, with an explicit working directory and environment. It is killed when this process
// ends, for whatever reason. A failure of a command is a value.
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio, StdioOptions } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { decodeName, defaultPath, mayHaveLostBytes } from './paths.ts';
import { cannot, itemOf } from './errors.ts';

export interface RunOptions {
  readonly cwd: string;
  /** The whole environment of the child, which inherits nothing. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly stdin?: string | Uint8Array;
  /** The child is asked to stop after this time. The result then has `timedOut`. */
  readonly timeoutMs?: number;
  /**
   * The child is killed when it has printed more than this. The result then has `printedTooMuch`. Default: no
   * limit.
   */
  readonly mostOutputBytes?: number;
  /** Called with each chunk of standard error as it arrives. The output is also kept. */
  readonly onStderr?: (chunk: string) => void;
  /**
   * Limit for reading output after the child has ended, because a process that left its group may hold the
   * output open. The result then has `heldOpen`. Default: the output is read until it ends or the child is
   * stopped.
   */
  readonly outputGraceMs?: number;
  /**
   * Open files that the child gets in addition to its standard streams, as numbers 3, 4, ... "end" is a pipe to
   * which the child may write its exit code as a line, when no process is left that could print more. The result
   * is returned then, although the child itself has not ended.
   */
  readonly files?: readonly (number | 'end')[];
  /** When it resolves, a line is written to the "end" pipe, for which the child waits. */
  readonly released?: Promise<void>;
}

export interface RunResult {
  /** null if a signal ended the child. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly printedTooMuch: boolean;
  /** Whether another process held the output open after the child had ended. */
  readonly heldOpen: boolean;
  readonly durationMs: number;
}

/**
 * A started child. `ended` resolves at its end. `stop()` sends SIGTERM to its process group, and SIGKILL
 * after `stopGraceMs`.
 */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<RunResult>;
  stop(): void;
}

const stopGraceMs = 2000;

/** Starts `argv` at once. Throws a Failure (host) if the program or the folder does not exist. */
export function start(argv: readonly string[], options: RunOptions): Child {
  const startMs = performance.now();
  const env = { PATH: defaultPath, ...options.env };
  checkStartable(itemOf(argv, 0), options.cwd, env.PATH);
  const child = spawned(argv, { ...options, env });
  const { pid } = child;
  if (pid === undefined) throw cannot(`start "${argv[0]}"`, 'the process could not be created', { blame: 'host' });
  let printedBytes = 0;
  const { mostOutputBytes = Infinity } = options;
  const fits = (bytes: number): boolean => {
    printedBytes += bytes;
    if (printedBytes > mostOutputBytes) signalGroup(pid, 'SIGKILL');
    return printedBytes <= mostOutputBytes;
  };
  const [stdout, stderr] = [heard(child.stdout, fits), heard(child.stderr, fits)];
  const decoder = new TextDecoder(); // a chunk may end within a character of several bytes
  if (options.onStderr) child.stderr.on('data', (chunk: Buffer) => options.onStderr?.(decoder.decode(chunk, { stream: true })));

  let settled = false;
  let timedOut = false;
  let killTimer: NodeJS.Timeout | undefined;
  const output = new OutputEnd(child, options.outputGraceMs);
  const end = options.files?.indexOf('end') ?? -1;
  const pipe = end === -1 ? undefined : child.stdio[3 + end];
  pipe?.on('data', (line: Buffer) => output.end(Number.parseInt(line.toString(), 10)));
  pipe?.on('error', () => undefined); // the child may end before it has read
  void options.released?.then(() => pipe && 'write' in pipe && pipe.write('\n'));
  const stop = (): void => {
    if (settled || killTimer) return;
    output.waitAtMost(stopGraceMs);
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

  const ended = output.ended.then(({ exitCode, killedBy, heldOpen }): RunResult => {
    settled = true;
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', stop);
    return {
      exitCode,
      killedBy,
      stdout: stdout(),
      stderr: stderr(),
      timedOut,
      printedTooMuch: printedBytes > mostOutputBytes,
      heldOpen,
      durationMs: performance.now() - startMs,
    };
  });
  return { pid, ended, stop };
}

/**
 * Runs `argv` and waits for its end. A non-zero exit is a result, not an exception. An aborted signal is
 * thrown as its reason.
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const result = await start(argv, options).ended;
  options.signal?.throwIfAborted();
  return result;
}

/**
 * Runs `argv` and returns its standard output. Any end but exit code 0 is a Failure that names the step
 * `what` and has the end of the program's output.
 */
export async function outputOf(what: string, argv: readonly string[], options: RunOptions): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode !== 0) {
    throw cannot(what, `${argv[0]} ended with ${result.killedBy ?? `status ${result.exitCode}`}`, {
      detail: result.stderr.trim() || result.stdout.trim(),
    });
  }
  return result.stdout;
}

/** Returns the absolute path of a program on `path` (a value of PATH), or undefined. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  return programIn(name, path);
}

/**
 * Collects the output of a stream as long as it fits. The text is decoded at the end, because a character may
 * be split between two chunks.
 */
function heard(stream: NodeJS.ReadableStream, fits: (bytes: number) => boolean): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    if (fits(chunk.length)) chunks.push(chunk);
  });
  return () => textOf(Buffer.concat(chunks));
}

/**
 * Bytes that are not UTF-8 are kept as lone surrogates (paths.ts), so that a caller can distinguish them from
 * a U+FFFD in the output.
 */
function textOf(bytes: Buffer): string {
  const text = bytes.toString();
  return mayHaveLostBytes(text) ? decodeName(bytes) : text;
}

/**
 * Starts the process without a shell. Arguments can have any length and content, and no start-up files are
 * read. Processes that the child leaves in its group end with it.
 */
function spawned(
  argv: readonly string[],
  { cwd, env, stdin, files = [] }: RunOptions,
): ChildProcessByStdio<Writable | null, Readable, Readable> {
  const [program = '', ...words] = tether(argv);
  const input = stdin?.length ? 'pipe' : 'ignore';
  // The type of `spawn` does not include further files.
  const stdio: StdioOptions = [input, 'pipe', 'pipe', ...files.map((file) => (file === 'end' ? 'pipe' : file))];
  const child = spawn(program, words, { cwd, env, detached: true, stdio }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  child.on('error', () => undefined); // a child that could not be started has no pid
  child.once('exit', () => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  });
  child.stdin?.on('error', () => undefined); // a child may leave its input unread
  child.stdin?.end(stdin);
  return child;
}

type Ending = Pick<RunResult, 'exitCode' | 'killedBy' | 'heldOpen'>;

/**
 * Waits for the end of a child and of its output. Without a limit, the output is read until no process holds
 * it open.
 */
class OutputEnd {
  /** Resolves when the child has ended and its output was read to the end or to the limit. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcessByStdio<Writable | null, Readable, Readable>;
  #graceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #exit: Omit<Ending, 'heldOpen'> | undefined;
  #resolve: (ending: Ending) => void = () => undefined;

  constructor(child: ChildProcessByStdio<Writable | null, Readable, Readable>, graceMs: number | undefined) {
    this.#child = child;
    this.#graceMs = graceMs;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
    child.once('exit', (exitCode, killedBy) => {
      this.#exit = { exitCode, killedBy };
      this.#limit();
    });
    child.once('close', (exitCode, killedBy) => {
      clearTimeout(this.#timer);
      this.#resolve({ exitCode, killedBy, heldOpen: false });
    });
  }

  /** Sets the limit, counted from the end of the child, unless there is one already. */
  waitAtMost(graceMs: number): void {
    this.#graceMs ??= graceMs;
    this.#limit();
  }

  /** Takes the exit code that the child announces. The event loop does not wait for its real end. */
  end(exitCode: number): void {
    this.#child.unref();
    this.#take({ exitCode, killedBy: null, heldOpen: false });
  }

  #limit(): void {
    const exit = this.#exit;
    if (!exit || this.#graceMs === undefined || this.#timer) return;
    this.#timer = setTimeout(() => this.#take({ ...exit, heldOpen: true }), this.#graceMs);
  }

  /**
   * Reads the output that is there, and ends. A busy process may not have read pending output yet. It is read
   * before the second callback of setImmediate.
   */
  #take(ending: Ending): void {
    setImmediate(() =>
      setImmediate(() => {
        for (const stream of this.#child.stdio) stream?.destroy();
        this.#resolve(ending);
      }),
    );
  }
}

/** setpriv (util-linux) makes the kernel kill the child when this process ends, even by SIGKILL. */
const setpriv = programIn('setpriv', defaultPath);

function tether(argv: readonly string[]): readonly string[] {
  return setpriv && !isTethered(argv) ? [setpriv, '--pdeathsig', 'KILL', '--', ...argv] : argv;
}

/** Whether a command asks the kernel for this itself, as bubblewrap does. One program less takes 1 ms less. */
function isTethered([program = '', ...words]: readonly string[]): boolean {
  const end = words.indexOf('--');
  return basename(program) === 'bwrap' && words.slice(0, end === -1 ? words.length : end).includes('--die-with-parent');
}

/**
 * Returns the path of a program. Checks the folders one after the other, because an asynchronous check of
 * each costs ten times as much. An empty part of the path is skipped.
 */
function programIn(name: string, path: string): string | undefined {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  for (const folder of path.split(':')) {
    const candidate = join(folder, name);
    if (folder !== '' && isProgram(candidate)) return candidate;
  }
  return undefined;
}

/**
 * Whether the path is a program. A path that cannot be inspected, for example in a folder of another user, is
 * not one.
 */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Throws a Failure before the start, because setpriv or spawn would report the error later and less clearly. */
function checkStartable(program: string, cwd: string, path: string): void {
  const what = `start "${program}"`;
  if (!existsSync(cwd)) throw cannot(what, `its working folder "${cwd}" does not exist`, { blame: 'host' });
  if (!program.includes('/')) {
    if (programIn(program, path) === undefined) throw cannot(what, 'it is not installed', { blame: 'host', hint: `looked in ${path}` });
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
    // the group has already ended, which is the wanted state
  }
}
