// Prevents two processes from changing an image at the same time: a file next to the image has the number of
// the process that changes it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cannot, cannotBecause, errnoOf } from '../../core/errors.ts';

/** Runs `work` while no other process changes the image. An image that another process changes is a Failure. */
export async function withImageLock<T>(imagePath: string, what: string, work: () => Promise<T>): Promise<T> {
  const lock = `${imagePath}.lock`;
  take(lock, what);
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string, what: string): void {
  for (const retry of [true, false]) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw cannotBecause(what, error);
    }
    const holder = holderOf(lock);
    if (retry && holder !== undefined && !isAlive(holder)) rmSync(lock, { force: true });
    else throw cannot(what, 'another process changes the image', { hint: `wait for it, or remove "${lock}" if no such process exists` });
  }
}

/** Returns the process that wrote the file, or undefined while it is being written. */
function holderOf(lock: string): number | undefined {
  try {
    const text = readFileSync(lock, 'utf8');
    return text.endsWith('\n') ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
