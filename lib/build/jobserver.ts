// A jobserver in the manner of GNU make: a named pipe with one token for each process or thread that may run. rustc takes tokens for the
// threads of its code generator, make and cc for theirs, and we take one for each process that we start; so all of them together keep to
// --jobs. Whatever happens to a token holder, one process may always run.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { root } from './sandbox.ts';

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

/** How long a process waits before it asks for a token again: threads of others give theirs back at any time. */
const askAgainMs = 5;

/** Makes the pipe in `dir` with `jobs` tokens. */
export async function openJobserver(dir: string, jobs: number, { signal }: Context): Promise<Jobserver> {
  const path = join(dir, 'jobserver');
  await outputOf('make the pipe of the jobserver', ['mkfifo', '-m', '600', path], { cwd: dir, env: {}, signal });
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const token = Buffer.from('+');
  for (let count = 0; count < jobs; count++) writeSync(fd, token);
  let holders = 0;

  const take = (): boolean => {
    try {
      return readSync(fd, Buffer.alloc(1)) === 1;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return false;
      throw error;
    }
  };
  const place = `${root}/jobserver`;
  const flags = `-j --jobserver-auth=fifo:${place}`;
  return {
    path,
    place,
    env: { CARGO_MAKEFLAGS: flags, MAKEFLAGS: flags },
    async hold(work) {
      let held = take();
      while (!held && holders > 0) {
        await sleep(askAgainMs);
        signal.throwIfAborted();
        held = take();
      }
      holders++;
      try {
        return await work();
      } finally {
        holders--;
        if (held) writeSync(fd, token);
      }
    },
    close: () => closeSync(fd),
  };
}
