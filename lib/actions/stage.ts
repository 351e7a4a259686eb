// Stages the folder of an action: the input files from the store, and the folders and links that other
// actions produced. It also creates copies of folders that the action may write although their files are
// read-only. Such a copy has the top level of the folder, and every entry in it is the real one, read-only.
// Files that a compilation writes there (the linker's map) are moved to its output folder.
//
// Each run of a compiler gets its own copy of the incremental state, whose files are hard links, in its output
// folder. A run that succeeds replaces the kept state by its own. So a run that fails or is killed leaves the state
// as it was, and two runs do not disturb each other. The copy is in the output folder, because rustc links object
// files from one to the other, and the kernel links no file from one mount to another: rustc would copy them all.
// rustc removes a file before it writes it, as it does for the links between its own sessions.
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Action } from './action.ts';
import { here, hostPath, isBelow, root, writtenFolder } from './place.ts';
import { toHostPaths } from './sandbox/sandbox.ts';
import type { View } from './sandbox/sandbox.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import type { Digest } from '../core/digest.ts';
import { absentAsUndefined, errnoOf, itemOf } from '../core/errors.ts';
import { decodeName, encodePath, isFolder, removeTree, TreePaths, mayHaveLostBytes } from '../core/paths.ts';
import type { Dirent } from 'node:fs';
import { byCodeUnit } from '../core/digest.ts';

/**
 * Stages every input at its place below `stage` and creates the output folder. Inputs are mounted by the top
 * folder of their places. Throws DamagedBlob if a blob is gone. Links come last, so that nothing is written
 * through them.
 */
export async function stageInputs(action: Action, stage: string, cache: CacheFolder): Promise<View> {
  const { inputs, layout = {}, outputDir, network, sandbox } = action.record;
  const readOnly: Record<string, string> = { ...action.mounts };
  const writable = { ...action.ambientMounts, [outputDir]: join(stage, outputDir) };
  const paths = new TreePaths();
  const made = new Set<string>();
  const folder = (path: string): void => {
    if (made.has(path)) return;
    made.add(path);
    paths.makeFolder(path);
  };
  for (const place of [...Object.keys(inputs), ...Object.keys(layout)]) {
    const top = topOf(place);
    readOnly[top] = join(stage, top);
  }
  const awaited = new Set(action.awaited?.places);
  try {
    for (const [place, digest] of Object.entries(inputs)) {
      folder(dirname(join(stage, place)));
      const staged = layout[place];
      const mode = staged === 'program' ? 0o755 : staged === 'data' ? 0o644 : undefined;
      if (awaited.has(place)) continue;
      await stageFile(digest, paths.at(join(stage, place)), mode, join(stage, 'unnamed'), cache);
    }
    for (const [place, staged] of Object.entries(layout)) if (staged === 'folder') folder(join(stage, place));
    for (const [place, staged] of Object.entries(layout)) {
      if (!isLink(staged)) continue;
      folder(dirname(join(stage, place)));
      const target = staged.slice('link '.length);
      symlinkSync(encodePath(sandbox === 'none' ? toHostPaths(target, { readOnly, writable }) : target), paths.at(join(stage, place)));
    }
    folder(join(stage, outputDir));
  } finally {
    paths.close();
  }
  return { readOnly, writable, network: network === true };
}

/** Adds inputs that were awaited: place -> path. */
export function stageAwaited(files: Readonly<Record<string, string>>, stage: string): void {
  const paths = new TreePaths();
  for (const [place, path] of Object.entries(files)) {
    paths.makeFolder(dirname(join(stage, place)));
    linkSync(path, paths.at(join(stage, place)));
  }
  paths.close();
}

/** Returns the mount of an input's place: the folder directly below the root. */
export function topOf(place: string): string {
  return `${root}/${itemOf(place.split('/'), 2)}`;
}

/**
 * `mode` is the mode of a copy. Without it, the file is a hard link to the blob. `spare` is an unused path on
 * the same file system.
 */
async function stageFile(
  digest: Digest,
  path: string | Buffer,
  mode: number | undefined,
  spare: string,
  cache: CacheFolder,
): Promise<void> {
  if (!(await cache.content.holds(digest))) throw new DamagedBlob(digest);
  const plain = typeof path === 'string' ? path : spare;
  const staging = mode === undefined ? cache.content.linkTo(digest, plain) : cache.content.cloneTo(digest, plain, mode);
  // It existed a moment ago: garbage collection of another process removed it.
  if (!(await absentAsUndefined(staging.then(() => true)))) throw new DamagedBlob(digest);
  if (plain !== path) renameSync(plain, path);
}

function isLink(staged: string): staged is `link ${string}` {
  return staged.startsWith('link ');
}

export interface Shadows {
  /** The view with the action's shadowed folders. */
  readonly view: View;
  /**
   * Moves regular files that the action created or changed to `written/` in its output folder. Their paths
   * are relative to the user's common folder.
   */
  moveWritten(outDir: string): void;
}

/** Files up to this size are copied, so that the action may also overwrite them. */
const largestCopyBytes = 1 << 20;

/** Copies the action's shadowed folders. `stage` is the action's own folder. */
export function shadowFolders({ shadowed = [], own }: Action, view: View, stage: string): Shadows {
  const readOnly: Record<string, string> = { ...view.readOnly };
  const writable: Record<string, string> = { ...view.writable };
  // A folder that an earlier run wrote to may be gone. Links in an output folder come from third-party code
  // and are not followed.
  const folders = shadowed.filter((place) => {
    const real = hostPath(place, view.readOnly);
    return isFolder(real) && (isBelow(place, own?.counted ?? []) || realpathSync(encodePath(real)) === join(realpathSync(stage), place));
  });
  const copies: (readonly [place: string, copy: string])[] = [];
  for (const [index, place] of folders.entries()) {
    const real = hostPath(place, view.readOnly);
    const copy = join(stage, `shadow-${index}`);
    mkdirSync(copy);
    for (const name of readdirSync(encodePath(real), 'buffer').map(decodeName)) {
      const [from, to] = [encodePath(join(real, name)), encodePath(join(copy, name))];
      const about = lstatSync(from);
      if (about.isSymbolicLink()) symlinkSync(readlinkSync(from, 'buffer'), to);
      else if (about.isFile() && about.size <= largestCopyBytes && isCopied(from, to)) continue;
      else readOnly[`${place}/${name}`] = join(real, name);
    }
    writable[place] = copy;
    copies.push([place, copy]);
  }
  const before = new Map(copies.flatMap(([, copy]) => filesIn(copy)));
  return {
    view: { ...view, readOnly, writable },
    moveWritten: (outDir) => {
      const files = copies.flatMap(([place, copy]) => filesIn(copy).map(([path, stamp]) => ({ place, path, stamp })));
      const written = files.filter(({ path, stamp }) => before.get(path) !== stamp);
      if (written.length === 0) return;
      // The command may have created a link of that name, which may lead anywhere on the host.
      chmodSync(outDir, 0o700);
      removeTree(join(outDir, writtenFolder));
      for (const { place, path } of written) {
        const to = join(outDir, writtenFolder, nameOf(`${place}${path.slice(path.lastIndexOf('/'))}`));
        mkdirSync(encodePath(dirname(to)), { recursive: true });
        renameSync(encodePath(path), encodePath(to));
      }
    },
  };
}

/** Copies a file. Returns false if the user may not read it. */
function isCopied(from: string | Buffer, to: string | Buffer): boolean {
  try {
    copyFileSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return false;
    throw error;
  }
}

/** Returns the regular files of a folder: path -> a stamp that changes when the file is written. */
function filesIn(folder: string): readonly (readonly [path: string, stamp: string])[] {
  chmodSync(folder, 0o700); // the command may have removed its own permissions
  return readdirSync(encodePath(folder), 'buffer').flatMap((name) => {
    const path = join(folder, decodeName(name));
    const about = lstatSync(encodePath(path), { bigint: true });
    return about.isFile() ? [[path, `${about.ino}:${about.size}:${about.mtimeNs}`] as const] : [];
  });
}

/**
 * Returns the path relative to the user's common folder. A file elsewhere (in an output folder of a build
 * script) is returned by its name.
 */
function nameOf(place: string): string {
  const name = posix.relative(here, place);
  return name.startsWith('../') ? posix.basename(place) : name;
}

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
  if (!isRealFolder(from)) return;
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

/**
 * Replaces the kept state by that of a run. The state that was there before stays next to it: to remove its hundreds
 * of files takes some ms, for which the user would wait. The next run removes it while its compiler runs.
 */
export function keepState(from: string, kept: string): void {
  if (!isRealFolder(from)) return;
  mkdirSync(dirname(kept), { recursive: true });
  try {
    removeTree(stateBefore(kept));
    if (lstatSync(kept, { throwIfNoEntry: false })) renameSync(kept, stateBefore(kept));
    renameSync(from, kept);
  } catch {
    // another run has just replaced it
  }
}

/** Moves the state that a run has replaced to `to`. Returns whether there was one. */
export function takeStateBefore(kept: string, to: string): boolean {
  try {
    renameSync(stateBefore(kept), to);
    return true;
  } catch {
    return false;
  }
}

function stateBefore(kept: string): string {
  return `${kept}.before`;
}

/** A link is not followed: third-party code may have created it. */
function isRealFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
