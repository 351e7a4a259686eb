// Turns the output folder of an action into artifacts. When the command and all processes that it started
// have ended, the folder may contain entries of any kind, name, depth and permissions. One artifact may be
// complete before that: rustc reports that it has written the metadata of a crate, and then continues with
// code generation. No link is followed here.
import { chmodSync, createReadStream, lstatSync, renameSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import type { Action, Artifact, FileArtifact } from './action.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { byCodeUnit } from '../core/digest.ts';
import { errnoOf, present } from '../core/errors.ts';
import { TreePaths, withRegularFile } from '../core/paths.ts';

export interface OutputFolder {
  /** Absolute path. */
  readonly dir: string;
  /** An unused path on the same file system. */
  readonly spare: string;
  /** The artifact that was already stored. */
  readonly taken: Taken | undefined;
  /** Maps the target of a link, as the command wrote it, to the target that is stored. */
  readonly target: (written: string) => string;
  /** Paths of the host that no file should contain. */
  readonly hostPaths: readonly string[];
}

export interface Collected {
  /** Sorted by folder, then by name. */
  readonly artifacts: readonly Artifact[];
  /** Whether a file contains one of the paths of the host. */
  readonly holdsHostPath: boolean;
}

/**
 * Moves all files of the folder into the store. Empty folders and links are kept as they are. Pipes, sockets
 * and devices are left out. Permissions that would lock out the owner are changed.
 */
export async function collectOutputs({ dir, spare, taken, target, hostPaths }: OutputFolder, cache: CacheFolder): Promise<Collected> {
  const paths = new TreePaths();
  const artifacts: Artifact[] = [];
  let holdsHostPath = false;
  const file = async (path: string): Promise<FileArtifact> => {
    let place = paths.at(`${dir}/${path}`);
    const about = lstatSync(place);
    if ((about.mode & 0o400) === 0) chmodSync(place, 0o600);
    if (typeof place !== 'string') {
      renameSync(place, spare);
      place = spare;
    }
    holdsHostPath ||= await mentions(place, hostPaths);
    if (taken?.artifact.path === path && taken.stamp === stampOf(about)) return taken.artifact;
    const { digest, sizeBytes } = await cache.content.adoptFile(place);
    return { kind: 'file', path, digest, sizeBytes, executable: (about.mode & 0o111) !== 0 };
  };
  try {
    // A list instead of recursion, because the command decides how deep the nesting is.
    const open: { readonly path: string; readonly kind: Artifact['kind'] }[] = [{ path: '', kind: 'folder' }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { path, kind } = next;
      if (kind === 'file') artifacts.push(await file(path));
      if (kind === 'link') artifacts.push({ kind, path, target: target(paths.linkTarget(`${dir}/${path}`)) });
      if (kind !== 'folder') continue;
      const inside = contentOf(path === '' ? dir : `${dir}/${path}`, paths);
      if (inside.length === 0 && path !== '') artifacts.push({ kind, path });
      for (const entry of inside) open.push({ path: path === '' ? entry.name : `${path}/${entry.name}`, kind: entry.kind });
    }
  } finally {
    paths.close();
  }
  return { artifacts, holdsHostPath };
}

/** Returns the entries that are kept, sorted by name in descending order. */
function contentOf(dir: string, paths: TreePaths): readonly { readonly name: string; readonly kind: Artifact['kind'] }[] {
  paths.openFolder(dir, lstatSync(paths.at(dir)).mode);
  const kept = paths.entries(dir).flatMap(({ name, kind }) => (kind === 'other' ? [] : [{ name, kind }]));
  return kept.sort((a, b) => byCodeUnit(b.name, a.name));
}

/**
 * Returns the files of a compilation. Dependents look for files by name, so a link to a file of the same
 * folder is treated as that file. Other links and folders are left out.
 */
export function onlyFiles(artifacts: readonly Artifact[]): readonly FileArtifact[] {
  const known = new Map(artifacts.map((artifact) => [artifact.path, artifact]));
  return artifacts.flatMap(({ path }): readonly FileArtifact[] => {
    let found = known.get(path);
    for (let steps = 0; found?.kind === 'link' && steps < mostLinks; steps++)
      found = known.get(posix.join(posix.dirname(found.path), found.target));
    return found?.kind === 'file' ? [{ ...found, path }] : [];
  });
}

/** Linux follows at most this number of links in one path. */
const mostLinks = 40;

async function mentions(path: string, hostPaths: readonly string[]): Promise<boolean> {
  if (hostPaths.length === 0) return false;
  const needles = hostPaths.map((hostPath) => Buffer.from(hostPath));
  const longest = Math.max(...needles.map((needle) => needle.length));
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const window = Buffer.concat([tail, chunk as Buffer]);
    if (needles.some((needle) => window.includes(needle))) return true;
    tail = window.subarray(Math.max(0, window.length - longest));
  }
  return false;
}

export interface EarlyWatch {
  /** Takes a chunk of standard error. */
  readonly hear: (chunk: string) => void;
  /**
   * Resolves when no file of the output folder is being read any more, with the artifact that was stored
   * early. Rejects if that failed.
   */
  readonly settled: () => Promise<Taken | undefined>;
}

/** An artifact that is already stored, and the state that its file had when it was read (`stampOf`). */
export interface Taken {
  readonly artifact: FileArtifact;
  readonly stamp: string;
}

/** Returns a string that changes when the file is replaced or written. */
export function stampOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

const announcement = '{"$message_type":"artifact"';

/**
 * Watches for the pipelined artifact `early` in `outDir`. The command may announce anything: a path that does
 * not lead to a regular file is ignored, and the dependents wait until the command has ended.
 */
export function watchEarly({ path, there }: NonNullable<Action['early']>, outDir: string, cache: CacheFolder): EarlyWatch {
  let rest = '';
  let copying: Promise<Taken | undefined> | undefined;
  const take = (): Promise<Taken | undefined> =>
    withRegularFile(join(outDir, path), async (opened, about) => {
      const copy = join(outDir, '..', `early-${basename(path)}`);
      const copied = await copyFile(opened, copy).then(
        () => true,
        (error: unknown) => {
          if (errnoOf(error) === 'EACCES') return false; // the command removed the permission to read it
          throw error;
        },
      );
      if (!copied) return undefined;
      const executable = (about.mode & 0o111) !== 0;
      const artifact: FileArtifact = { kind: 'file', path, executable, ...(await cache.content.adoptFile(copy)) };
      there(artifact);
      return { artifact, stamp: stampOf(about) };
    });
  return {
    hear(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = present(lines.pop(), 'the rest of a line');
      for (const line of lines) {
        if (!copying && line.startsWith(announcement) && basename(artifactOf(line)) === basename(path)) copying = take();
      }
      copying?.catch(() => {}); // thrown by settled()
    },
    settled: async () => copying,
  };
}

/** Returns the messages of a command without its announcements. */
export function withoutAnnouncements(stderr: string): string {
  if (!stderr.includes(announcement)) return stderr;
  return stderr
    .split('\n')
    .filter((line) => !line.startsWith(announcement))
    .join('\n');
}

function artifactOf(line: string): string {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null || !('artifact' in message)) return '';
    return typeof message.artifact === 'string' ? message.artifact : '';
  } catch {
    return '';
  }
}
