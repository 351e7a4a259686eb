// The private directory of one run of a machine, with its socket and its firmware variables. It is removed
// when the run ends. The directory of a killed run is removed by the next run. This module does not know the
// files in it.
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannotBecause, errnoOf } from '../core/errors.ts';
import type { Accelerator, MachineDescription, Monitor } from './machine.ts';

const prefix = 'bloomery-machine-';

/**
 * Longest path of the folder for temporary files, in bytes. A unix socket's path may have 107 bytes (sun_path
 * of unix(7)).
 */
const longestRoot = 60;

/** Data about a running machine for other processes: the file `machine.json` of its directory. */
export interface MachineRecord {
  readonly monitor: Monitor;
  readonly pid: number;
  /** The first disk. Null for a machine without disks. */
  readonly image: string | null;
  readonly accelerator: Accelerator;
  readonly machine: MachineDescription;
}

/** A running machine, and the sockets that control it. */
export interface RunningRecord extends MachineRecord {
  readonly directory: string;
}

/**
 * Names in the directory. The monitor listens for commands (QMP, or Cloud Hypervisor's HTTP) on the socket of
 * this name.
 */
export const controlName = 'control';
const recordName = 'machine.json';

/**
 * Creates the directory `<root>/bloomery-machine-<process number>-XXXXXX`, readable only by the user, after
 * it removed those of dead runs.
 */
export async function runDirectory(root: string): Promise<string> {
  const usable = usableRoot(root);
  try {
    await sweep(usable);
    return await mkdtemp(join(usable, `${prefix}${process.pid}-`));
  } catch (error) {
    throw cannotBecause(`make a temporary folder in "${usable}"`, error, 'set TMPDIR to a folder that can be written');
  }
}

function usableRoot(root: string): string {
  return Buffer.byteLength(root) <= longestRoot ? root : '/tmp';
}

export async function writeRecord(directory: string, record: MachineRecord): Promise<void> {
  const partial = join(directory, `${recordName}.partial`);
  await writeFile(partial, JSON.stringify(record));
  await rename(partial, join(directory, recordName));
}

/**
 * Returns the record of a machine, or undefined for another text. The machine's description is only checked
 * to be a table.
 */
export function parseRecord(text: string): MachineRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is MachineRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [monitor, accelerator, image, machine] = ['monitor', 'accelerator', 'image', 'machine'].map((name) => fields.get(name));
  const isKnown = (monitor === 'qemu' || monitor === 'cloud-hypervisor') && (accelerator === 'kvm' || accelerator === 'tcg');
  const isImage = image === null || typeof image === 'string';
  return isKnown && isImage && Number.isSafeInteger(fields.get('pid')) && typeof machine === 'object' && machine !== null;
}

/** Returns the running machines that can be reached, in no order. Those of another user cannot. */
export async function runningMachines(root: string): Promise<readonly RunningRecord[]> {
  const folder = usableRoot(root);
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  const records = await Promise.all(
    names.map(async (name) => {
      const directory = join(folder, name);
      // the machine has just started, or belongs to another user
      const text = await readFile(join(directory, recordName), 'utf8').catch(() => undefined);
      const record = text === undefined ? undefined : parseRecord(text);
      return record && { ...record, directory };
    }),
  );
  return records.filter((record) => record !== undefined).filter(({ pid }) => isAlive(pid));
}

export async function removeRunDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Removes the directories of runs whose process is gone. A directory that cannot be removed is left. */
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
