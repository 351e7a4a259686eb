// The incremental state of a compiler, between its runs. Each run gets its own copy, whose files are hard links,
// in its output folder. A run that succeeds replaces the kept state by its own. So a run that fails or is
// killed leaves the state as it was, and two runs do not disturb each other. The copy is in the output folder,
// because rustc links object files from one to the other, and the kernel links no file from one mount to
// another: rustc would copy them all. rustc removes a file before it writes it, as it does for the links
// between its own sessions.
import { linkSync, lstatSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { dirname, join } from 'node:path';
import { byCodeUnit } from '../core/digest.ts';
import { mayHaveLostBytes, removeTree } from '../core/paths.ts';

/** The name of the folder with the state in the output folder. */
export const incrementalFolder = 'incremental';

/** rustc's state has folders of crates, in which are folders of sessions. Macros may create others. */
const deepest = 3;

/**
 * Creates the folder `to` with the files of `kept`, if there is one. If they cannot be linked, the folder is
 * empty: then the compiler starts anew.
 */
export function copyState(kept: string, to: string): void {
  try {
    linkTree(kept, to, 1);
  } catch {
    removeTree(to);
  }
  mkdirSync(to, { recursive: true });
}

function linkTree(from: string, to: string, depth: number): void {
  if (!isFolder(from)) return;
  mkdirSync(to);
  for (const entry of withoutOldSessions(readdirSync(from, { withFileTypes: true }))) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (mayHaveLostBytes(entry.name)) continue;
    if (entry.isDirectory() && depth < deepest) linkTree(source, target, depth + 1);
    // A lock must be a file of its own, because another run may hold it.
    else if (entry.isFile() && entry.name.endsWith('.lock')) writeFileSync(target, '');
    else if (entry.isFile()) linkSync(source, target);
  }
}

/**
 * Leaves out all sessions of rustc except for the newest that has ended, from which the next one continues. rustc
 * removes a session only some seconds after its end. A name is "s-TIME-NUMBER-DIGEST", with the digest "working"
 * until the end, and the lock is "s-TIME-NUMBER.lock" (rustc_incremental, module persist::fs).
 */
function withoutOldSessions(entries: readonly Dirent[]): readonly Dirent[] {
  const ended = entries.flatMap(({ name }) => (/^s-[^-]+-[^-]+-(?!working$)[^-]+$/.test(name) ? [name] : [])).sort(byTime);
  const newest = ended.at(-1);
  if (newest === undefined) return entries;
  const lock = `${newest.slice(0, newest.lastIndexOf('-'))}.lock`;
  return entries.filter(({ name }) => name === newest || name === lock || !name.startsWith('s-'));
}

/** Times are numbers to the base 36, so a longer one is later. */
function byTime(a: string, b: string): number {
  return a.indexOf('-', 2) - b.indexOf('-', 2) || byCodeUnit(a, b);
}

/** Replaces the kept state by that of a run. `spare` is an unused path for the state that was there before. */
export function keepState(from: string, kept: string, spare: string): void {
  if (!isFolder(from)) return;
  mkdirSync(dirname(kept), { recursive: true });
  try {
    if (lstatSync(kept, { throwIfNoEntry: false })) renameSync(kept, spare);
    renameSync(from, kept);
  } catch {
    // another run has just replaced it
  }
}

/** A link is not followed: third-party code may have created it. */
function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
