// Turns the output folder of an action into artifacts. When the command and all processes that it started
// have ended, the folder may contain entries of any kind, name, depth and permissions. Some artifacts are
// complete before that: rustc reports that it has written the metadata of a crate, and then continues with
// code generation. It also reports that it has linked a file. No link is followed here.
import { chmodSync, copyFileSync, createReadStream, lstatSync, readdirSync, renameSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, join, posix } from 'node:path';
import type { Action, Artifact, FileArtifact } from './action.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { byCodeUnit, copyWithDigest, digestFile } from '../core/digest.ts';
import { errnoOf, present } from '../core/errors.ts';
import { TreePaths, withRegularFile } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';

export interface OutputFolder {
  /** Absolute path. */
  readonly dir: string;
  /** An unused path on the same file system. */
  readonly spare: string;
  /** Artifacts that were already read, by their paths. */
  readonly taken: ReadonlyMap<string, Taken>;
  /** Maps the target of a link, as the command wrote it, to the target that is stored. */
  readonly target: (written: string) => string;
  /** Paths of the host that no file should contain. */
  readonly hostPaths: readonly string[];
  /** Files at the top of the folder that are also in the incremental state (`filesWithLinks`). They are stored as copies. */
  readonly shared: ReadonlySet<string>;
  /** Whether files may be lent to the output folder of the build (`ContentStore.adoptFile`). */
  readonly mayLend: boolean;
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
export async function collectOutputs(
  { dir, spare, taken, target, hostPaths, shared, mayLend }: OutputFolder,
  cache: CacheFolder,
): Promise<Collected> {
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
    const executable = isExecutable(about);
    const before = taken.get(path);
    const known = before?.stamp === stampOf(about) ? before : undefined;
    if (known?.isStored) return { ...known.artifact, executable };
    if (shared.has(path)) {
      copyFileSync(place, `${spare}-copy`);
      place = `${spare}-copy`;
    }
    const { digest, sizeBytes } = await cache.content.adoptFile(place, known?.artifact.digest, mayLend);
    return { kind: 'file', path, digest, sizeBytes, executable };
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

/** Returns the names of files in a folder that have more than one link. */
export function filesWithLinks(dir: string): ReadonlySet<string> {
  const names = readdirSync(dir);
  return new Set(names.filter((name) => (lstatSync(join(dir, name), { throwIfNoEntry: false })?.nlink ?? 0) > 1));
}

function isExecutable({ mode }: Stats): boolean {
  return (mode & 0o111) !== 0;
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
   * Resolves when no file of the output folder is being read any more, with the artifacts that were read
   * early, by their paths. Rejects if that failed.
   */
  readonly settled: () => Promise<ReadonlyMap<string, Taken>>;
}

/** An artifact that was read before the command ended. */
export interface Taken {
  readonly artifact: FileArtifact;
  /** The state that its file had when it was read (`stampOf`). */
  readonly stamp: string;
  /** Whether it is stored. Otherwise only its digest is known. */
  readonly isStored: boolean;
}

/** Returns a string that changes when the file is replaced or written. */
export function stampOf({ ino, size, ctimeMs }: Stats): string {
  return `${ino} ${size} ${ctimeMs}`;
}

const announcement = '{"$message_type":"artifact"';

/** Files from this size on are hashed while the command ends. Smaller ones take less than 1 ms afterwards. */
const leastHashedEarly = MiB;

/**
 * Watches for announced artifacts in `outDir`. A copy of the pipelined artifact `early` is stored when it is
 * announced. Other large files are hashed: a linked program exists 10 to 20 ms before rustc and the sandbox have
 * ended. The file itself becomes the blob, if it has not been written since. It is not copied at this time, because
 * the memory of rustc is still in use, so that a copy could take new memory of the machine. A library is hashed
 * afterwards. The command may announce anything: a path that does not lead to a regular file is ignored, and the
 * dependents wait until the command has ended.
 */
export function watchEarly(early: Action['early'], outDir: string, cache: CacheFolder): EarlyWatch {
  let rest = '';
  const heard = new Set<string>();
  const taken = new Map<string, Taken>();
  let taking: Promise<void> = Promise.resolve();
  const take = async (path: string): Promise<void> => {
    await withRegularFile(join(outDir, path), async (opened, about) => {
      const isPipelined = path === early?.path;
      if (!isPipelined && (about.size < leastHashedEarly || isLibrary(path))) return;
      const copy = join(outDir, '..', `early-${path}`);
      const digest = await (isPipelined ? copyWithDigest(opened, copy) : digestFile(opened)).catch((error: unknown) => {
        if (errnoOf(error) === 'EACCES') return undefined; // the command removed the permission to read it
        throw error;
      });
      if (digest === undefined) return;
      const sizeBytes = isPipelined ? (await cache.content.adoptFile(copy, digest)).sizeBytes : about.size;
      const artifact: FileArtifact = { kind: 'file', path, digest, sizeBytes, executable: isExecutable(about) };
      taken.set(path, { artifact, stamp: stampOf(about), isStored: isPipelined });
      if (isPipelined) early?.there(artifact);
    });
  };
  return {
    hear(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = present(lines.pop(), 'the rest of a line');
      for (const line of lines) {
        const path = line.startsWith(announcement) ? basename(artifactOf(line)) : '';
        if (path === '' || heard.has(path)) continue;
        heard.add(path);
        taking = taking.then(() => take(path));
        taking.catch(() => {}); // thrown by settled()
      }
    },
    settled: () => taking.then(() => taken),
  };
}

function isLibrary(path: string): boolean {
  return /\.(?:rlib|rmeta)$/.test(path);
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
