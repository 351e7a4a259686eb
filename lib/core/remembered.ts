// A value that was computed from files and is kept until one of them changes. "Changed" is judged by size, mtime and inode: right for
// things that a package manager installs (compilers, linkers, their sources), never used for a person's own sources.
import { readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestBytes, digestRecord } from './digest.ts';
import type { Json } from './digest.ts';
import { cannotBecause } from './errors.ts';

/**
 * A value that JSON keeps as it is, and the files and folders whose change would change it. One that does not exist may be a witness: its
 * appearance is a change.
 */
export interface Witnessed<T> {
  readonly value: T;
  readonly witnesses: readonly string[];
}

interface Kept {
  readonly value: Json;
  readonly witnesses: readonly (readonly [path: string, stamp: string])[];
}

/**
 * The value for `question` (what it depends on besides files), computed at most once per state of its witnesses.
 * Records lie at `<cacheDir>/remembered/<name>-<digest of the question>.json`, after a line with the digest of their text; one that is damaged is
 * computed anew, and so is one that `holds` says no to.
 */
export async function remembered<T>(
  cacheDir: string,
  name: string,
  question: Json,
  compute: () => Promise<Witnessed<T>>,
  holds: (value: T) => boolean = () => true,
): Promise<T> {
  const path = join(cacheDir, 'remembered', `${name}-${digestRecord(question).slice(0, 16)}.json`);
  // Asked twice at once, it is computed once.
  const asked = (inFlight.get(path) ?? answer(path, compute, holds)) as Promise<T>;
  inFlight.set(path, asked);
  try {
    return await asked;
  } finally {
    inFlight.delete(path);
  }
}

const inFlight = new Map<string, Promise<unknown>>();

async function answer<T>(path: string, compute: () => Promise<Witnessed<T>>, holds: (value: T) => boolean): Promise<T> {
  const kept = keptRecord(path);
  if (kept && unchanged(kept) && holds(kept.value as T)) return kept.value as T;
  const { value, witnesses } = await compute();
  const body = JSON.stringify({ value, witnesses: witnesses.map((witness) => [witness, stampOf(witness)]) });
  await publish(path, `${digestBytes(body)}\n${body}`);
  return value;
}

function keptRecord(path: string): Kept | undefined {
  try {
    const text = readFileSync(path, 'utf8'); // an asynchronous look costs ten times as much
    const body = text.slice(text.indexOf('\n') + 1);
    if (!text.startsWith(`${digestBytes(body)}\n`)) return undefined; // a flipped bit would make another toolchain of this one
    const record: unknown = JSON.parse(body);
    if (typeof record !== 'object' || record === null || !('value' in record) || !('witnesses' in record)) return undefined;
    const { witnesses } = record;
    const whole =
      Array.isArray(witnesses) && witnesses.every((pair) => Array.isArray(pair) && pair.every((part) => typeof part === 'string'));
    if (!whole) return undefined;
    return record as Kept;
  } catch {
    return undefined; // absent or damaged: the same as never computed
  }
}

function unchanged({ witnesses }: Kept): boolean {
  return witnesses.every(([path, stamp]) => stampOf(path) === stamp);
}

/** "absent", or size, mtime (ns) and inode of what the path leads to. */
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
