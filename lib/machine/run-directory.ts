// The private directory of one run of a machine: its socket and its firmware variables. It is removed when the run ends, and a
// killed run's is removed by the next run. Knows nothing of what lies in it.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cannotBecause, errnoOf } from '../core/errors.ts';

const prefix = 'bloomery-machine-';

/** A unix socket's path may have 107 bytes (sun_path of unix(7)); a temporary folder with a longer name cannot hold one. */
const longestRoot = 60;

/** Makes the directory `<root>/bloomery-machine-<our pid>-XXXXXX`, readable by us alone, after sweeping away what dead runs left. */
export async function runDirectory(root: string): Promise<string> {
  const usable = Buffer.byteLength(root) <= longestRoot ? root : '/tmp';
  try {
    await sweep(usable);
    return await mkdtemp(join(usable, `${prefix}${process.pid}-`));
  } catch (error) {
    throw cannotBecause(`make a temporary folder in "${usable}"`, error, 'set TMPDIR to a folder that can be written');
  }
}

export async function removeRunDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Removes the directories of runs whose process is gone. One that is not ours to remove is left. */
export async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await removeRunDirectory(join(root, name)).catch(() => undefined);
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
