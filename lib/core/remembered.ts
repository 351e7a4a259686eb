// Memoizes values that are computed from files until one of the files changes. A change is detected by size,
// mtime and inode. That is sufficient for files that a package manager installs (compilers, linkers, their
// sources). It is not used for the user's own sources.
import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestBytes, digestRecord } from './digest.ts';
import type { Json } from './digest.ts';
import { cannotBecause } from './errors.ts';
import { isListOf, isTable, isTexts } from './stored-values.ts';

/**
 * A value that JSON can represent, and the files and folders that it depends on. A path that does not exist
 * may be listed: its creation is a change.
 */
export interface Witnessed<T> {
  readonly value: T;
  readonly witnesses: readonly string[];
}

interface Kept {
  readonly value: unknown;
  readonly witnesses: readonly (readonly [path: string, stamp: string])[];
}

/**
 * Returns the value for `question` (its inputs other than files), which is computed at most once for each
 * state of its files. Records are `<cacheDir>/remembered/<name>-<digest of the question>.json`; their first
 * line is the digest of the text. The value is computed again if the record is damaged or `is` refuses the
 * value, which another version of the project may have written.
 */
export async function remembered<T>(
  cacheDir: string,
  name: string,
  question: Json,
  compute: () => Promise<Witnessed<T>>,
  is: (value: unknown) => value is T,
): Promise<T> {
  const path = join(cacheDir, 'remembered', `${name}-${digestRecord(question).slice(0, 16)}.json`);
  // Concurrent calls compute the value once.
  const asked = (inFlight.get(path) ?? answer(path, compute, is)) as Promise<T>;
  inFlight.set(path, asked);
  try {
    return await asked;
  } finally {
    inFlight.delete(path);
  }
}

const inFlight = new Map<string, Promise<unknown>>();

async function answer<T>(path: string, compute: () => Promise<Witnessed<T>>, is: (value: unknown) => value is T): Promise<T> {
  const kept = keptRecord(path);
  if (kept && is(kept.value) && unchanged(kept)) return kept.value;
  const { value, witnesses } = await compute();
  const body = JSON.stringify({ value, witnesses: witnesses.map((witness) => [witness, stampOf(witness)]) });
  await publish(path, `${digestBytes(body)}\n${body}`);
  return value;
}

function keptRecord(path: string): Kept | undefined {
  try {
    const text = readFileSync(path, 'utf8'); // an asynchronous read takes ten times as long
    const body = text.slice(text.indexOf('\n') + 1);
    if (!text.startsWith(`${digestBytes(body)}\n`)) return undefined; // a changed bit could turn this into another toolchain
    const record: unknown = JSON.parse(body);
    if (!isTable(record) || !isListOf(record['witnesses'], isWitness)) return undefined;
    return { value: record['value'], witnesses: record['witnesses'] };
  } catch {
    return undefined; // absent or damaged: as if it had never been computed
  }
}

function isWitness(value: unknown): value is readonly [path: string, stamp: string] {
  return isTexts(value) && value.length === 2;
}

function unchanged({ witnesses }: Kept): boolean {
  return witnesses.every(([path, stamp]) => stampOf(path) === stamp);
}

/** Returns "absent", or size, mtime (ns) and inode of the file that the path leads to. */
function stampOf(path: string): string {
  try {
    const { size, mtimeNs, ino } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs} ${ino}`;
  } catch {
    return 'absent';
  }
}

async function publish(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined); // the first error counts
    throw cannotBecause(`write "${path}"`, error);
  }
}
