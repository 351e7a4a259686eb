// A jobserver in the manner of GNU make: a named pipe with one token for each process or thread that may run. rustc takes tokens for the
// threads of its code generator, make and cc for theirs, and we take one for each process that we start; so all of them together keep to
// --jobs. Whatever happens to a token holder, one process may always run. A process that waits goes before threads: it is handed the token of one
// that ended.
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { root } from './sandbox/sandbox.ts';

export interface Jobserver {
  /** The pipe on this host, and where an action sees it. */
  readonly path: string;
  readonly place: string;
  /** What the programs of an action are told. */
  readonly env: Readonly<Record<string, string>>;
  /** Waits for a token, runs, and gives the token back. */
  hold<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

interface Waiting {
  readonly resolve: (withToken: boolean) => void;
  readonly reject: (reason: unknown) => void;
}

/** How long a process waits before it asks for a token again: threads of others give theirs back at any time. */
const askAgainMs = 10;

/** Makes the pipe in `dir` with `jobs` tokens. */
export async function openJobserver(dir: string, jobs: number, { signal }: Context): Promise<Jobserver> {
  const path = join(dir, 'jobserver');
  await outputOf('make the pipe of the jobserver', ['mkfifo', '-m', '600', path], { cwd: dir, env: {}, signal });
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const token = Buffer.from('+');
  for (let count = 0; count < jobs; count++) writeSync(fd, token);
  let holders = 0;
  let held = 0;

  const take = (): boolean => {
    if (held === jobs) return false; // there are no others
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // no token is no news, and it is asked for often
    try {
      const taken = readSync(fd, Buffer.alloc(1)) === 1;
      if (taken) held++;
      return taken;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return false;
      throw error;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
  const giveBack = (): void => {
    try {
      writeSync(fd, token);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error; // an action filled the pipe, so there is no lack of tokens
    }
  };
  /** Whether with a token, or undefined: it has to wait. */
  const enter = (): boolean | undefined => {
    const withToken = take();
    if (!withToken && holders > 0) return undefined;
    holders++;
    return withToken;
  };
  const waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const withToken = signal.aborted ? false : enter();
      if (withToken === undefined) return;
      waiting.shift();
      if (signal.aborted) next.reject(signal.reason);
      else next.resolve(withToken);
    }
    clearInterval(timer);
    timer = undefined;
  };
  const wait = (one: Waiting): void => {
    waiting.push(one);
    timer ??= setInterval(admit, askAgainMs);
  };
  const place = `${root}/jobserver`;
  const flags = `-j --jobserver-auth=fifo:${place}`;
  return {
    path,
    place,
    env: { CARGO_MAKEFLAGS: flags, MAKEFLAGS: flags },
    async hold(work) {
      const atOnce = holders === 0 || waiting.length === 0 ? enter() : undefined;
      const withToken = atOnce ?? (await new Promise<boolean>((resolve, reject) => wait({ resolve, reject })));
      try {
        return await work();
      } finally {
        const next = withToken && !signal.aborted ? waiting.shift() : undefined;
        if (next) {
          next.resolve(true);
        } else {
          holders--;
          if (withToken) {
            held--;
            giveBack();
          }
          admit();
        }
      }
    },
    close: () => {
      closeSync(fd);
      rmSync(path, { force: true }); // the process may build once more
    },
  };
}
