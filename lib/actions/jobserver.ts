// A jobserver as in GNU make: a named pipe with one token for each process or thread that may run. rustc
// takes tokens for the threads of its code generator, make and cc take tokens for theirs, and one is taken
// here for each process that is started. So all of them together stay within --jobs. One process may always
// run, even if a token holder fails. A freed token goes to a waiting process first, then to threads.
import { closeSync, constants, lstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { root } from './place.ts';

export interface Jobserver {
  /** The path of the pipe on this host and in the sandbox. */
  readonly path: string;
  readonly place: string;
  /** Variables for the programs of an action. */
  readonly env: Readonly<Record<string, string>>;
  /** Waits for a token, runs `work`, and returns the token. */
  hold<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

interface Waiting {
  readonly resolve: (withToken: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

/** Time until a waiting process asks for a token again. Threads of other processes return theirs at any time. */
const askAgainMs = 10;

/** The path of the pipe in the sandbox. */
export const jobserverPlace = `${root}/jobserver`;

/** Returns the path of the pipe that `openJobserver` creates in `dir`. */
export function jobserverPath(dir: string): string {
  return join(dir, 'jobserver');
}

/** Returns the path at which a build leaves its pipe for the next one. */
export function sparePipe({ dir }: Pick<CacheFolder, 'dir'>): string {
  return join(dir, 'spare-pipe');
}

/**
 * Creates the pipe in `dir` with `jobs` tokens. With `spare`, the pipe of an earlier build is used if it is
 * there, and is left there at the end: a process that creates a pipe takes 10 ms. It must then be certain that
 * no process of the build is left at its end, because it would share the tokens of a later build.
 */
export async function openJobserver(dir: string, jobs: number, { signal }: Pick<Context, 'signal'>, spare?: string): Promise<Jobserver> {
  const path = jobserverPath(dir);
  if (spare === undefined || !isTaken(spare, path)) {
    await outputOf('make the pipe of the jobserver', ['mkfifo', '-m', '600', path], { cwd: dir, env: {}, signal });
  }
  return new PipeJobserver(path, jobs, signal, spare);
}

/** Moves the pipe of an earlier build to `path`. Returns false if the pipe is missing or belongs to another user. */
function isTaken(spare: string, path: string): boolean {
  try {
    renameSync(spare, path);
    const { mode, uid } = lstatSync(path);
    if ((mode & constants.S_IFMT) === constants.S_IFIFO && (mode & 0o777) === 0o600 && uid === process.getuid?.()) return true;
    rmSync(path, { force: true, recursive: true });
    return false;
  } catch {
    return false; // another build uses it
  }
}

const token = Buffer.from('+');

class PipeJobserver implements Jobserver {
  readonly path: string;
  readonly place = jobserverPlace;
  readonly env: Jobserver['env'];
  readonly #fd: number;
  readonly #jobs: number;
  readonly #signal: AbortSignal;
  readonly #spare: string | undefined;
  /** Number of running processes, and how many of them have a token. */
  #holders = 0;
  #held = 0;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(path: string, jobs: number, signal: AbortSignal, spare: string | undefined) {
    this.path = path;
    this.#spare = spare;
    const flags = `-j --jobserver-auth=fifo:${this.place}`;
    this.env = { CARGO_MAKEFLAGS: flags, MAKEFLAGS: flags };
    this.#jobs = jobs;
    this.#signal = signal;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    for (let count = 0; count < jobs; count++) writeSync(this.#fd, token);
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    const atOnce = this.#holders === 0 || this.#waiting.length === 0 ? this.#enter() : undefined;
    const withToken = atOnce ?? (await new Promise<boolean>((resolve, reject) => this.#wait({ resolve, reject })));
    try {
      return await work();
    } finally {
      this.#leave(withToken);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd); // the kernel discards the tokens when no process has the pipe open
    try {
      if (this.#spare !== undefined) renameSync(this.path, this.#spare);
    } catch {
      // the folder of the cache was removed
    }
    rmSync(this.path, { force: true }); // the process may start another build
  }

  /** Returns whether the process enters with a token, or undefined if the caller has to wait. */
  #enter(): boolean | undefined {
    const withToken = this.#take();
    if (!withToken && this.#holders > 0) return undefined;
    this.#holders++;
    return withToken;
  }

  /** Passes a token to the process that has waited longest. Without one, puts it back into the pipe. */
  #leave(withToken: boolean): void {
    const next = withToken && !this.#signal.aborted ? this.#waiting.shift() : undefined;
    if (next) {
      next.resolve(true);
      return;
    }
    this.#holders--;
    if (withToken) this.#giveBack();
    this.#admit();
  }

  #wait(one: Waiting): void {
    this.#waiting.push(one);
    this.#timer ??= setInterval(() => this.#admit(), askAgainMs);
  }

  /** Lets as many waiting processes enter as possible. */
  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const withToken = this.#signal.aborted ? false : this.#enter();
      if (withToken === undefined) return;
      this.#waiting.shift();
      if (this.#signal.aborted) next.reject(this.#signal.reason);
      else next.resolve(withToken);
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Takes a token out of the pipe, if there is one. */
  #take(): boolean {
    if (this.#held === this.#jobs) return false; // there are no other tokens
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // a missing token is a frequent, expected error: its stack is not needed
    try {
      const taken = readSync(this.#fd, Buffer.alloc(1)) === 1;
      if (taken) this.#held++;
      return taken;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return false;
      throw error;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  #giveBack(): void {
    this.#held--;
    if (this.#isClosed) return; // the number of the descriptor may be that of another file now
    try {
      writeSync(this.#fd, token);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error; // an action filled the pipe, so there are enough tokens
    }
  }
}
