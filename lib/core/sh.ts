// The only module that starts processes. Every command is an argument list that no shell reads; it runs in its own process group with an
// explicit working directory and environment, dies with us whatever kills us, and its failure is a value.
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio, StdioOptions } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
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
  /**
   * After the child has ended, its output is read for so long at most: a process that left its group may hold it open. The result then says
   * `heldOpen`. Default: until the output ends, or the child is stopped.
   */
  readonly outputGraceMs?: number;
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
  /** Another process held the output open after the child had ended. */
  readonly heldOpen: boolean;
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
  const decoder = new TextDecoder(); // a letter of several bytes may be cut by a chunk's end
  if (options.onStderr) child.stderr.on('data', (chunk: Buffer) => options.onStderr?.(decoder.decode(chunk, { stream: true })));

  let settled = false;
  let timedOut = false;
  let killTimer: NodeJS.Timeout | undefined;
  const output = new OutputEnd(child, options.outputGraceMs);
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
  return programIn(name, path);
}

/** Keeps what a stream says as long as it fits; gives it as text at the end, because a letter may be shared by two chunks. */
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
function spawned(
  argv: readonly string[],
  { cwd, env, stdin, files = [] }: RunOptions,
): ChildProcessByStdio<Writable | null, Readable, Readable> {
  const [program = '', ...words] = tether(argv);
  const input = stdin?.length ? 'pipe' : 'ignore';
  // The type of `spawn` knows no further files.
  const stdio: StdioOptions = [input, 'pipe', 'pipe', ...files];
  const child = spawn(program, words, { cwd, env, detached: true, stdio }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  child.on('error', () => undefined); // a child that could not be started has no pid
  child.once('exit', () => {
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  });
  child.stdin?.on('error', () => undefined); // a child need not read its input
  child.stdin?.end(stdin);
  return child;
}

type Ending = Pick<RunResult, 'exitCode' | 'killedBy' | 'heldOpen'>;

/** The end of a child and of its output. Without a limit, the output is read until no process holds it open. */
class OutputEnd {
  /** Resolves when the child has ended, and its output was read to its end or to the limit. */
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

  /** Sets the limit from the end of the child, unless there is one. */
  waitAtMost(graceMs: number): void {
    this.#graceMs ??= graceMs;
    this.#limit();
  }

  #limit(): void {
    const exit = this.#exit;
    if (!exit || this.#graceMs === undefined || this.#timer) return;
    this.#timer = setTimeout(() => {
      // A busy process may come to the timer before it read what is there: that is read before the next callback of setImmediate but one.
      setImmediate(() =>
        setImmediate(() => {
          for (const stream of [this.#child.stdout, this.#child.stderr]) stream.destroy();
          this.#resolve({ ...exit, heldOpen: true });
        }),
      );
    }, this.#graceMs);
  }
}

/** setpriv (util-linux) makes the kernel kill the child when this process dies, even by SIGKILL. */
const setpriv = programIn('setpriv', defaultPath);

function tether(argv: readonly string[]): readonly string[] {
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--', ...argv] : argv;
}

/** Looks in one folder after the other; an asynchronous look in each costs ten times as much. An empty part of the path is no folder. */
function programIn(name: string, path: string): string | undefined {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  for (const folder of path.split(':')) {
    const candidate = join(folder, name);
    if (folder !== '' && isProgram(candidate)) return candidate;
  }
  return undefined;
}

/** A path that cannot be looked at, in a folder of another user for example, is no program. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What setpriv or spawn would say less clearly, and later. */
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
    // the group is gone, which is what was wanted
  }
}
