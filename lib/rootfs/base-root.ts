// A Debian root file system of exactly the packages that the lock names, as a file tree. mmdebstrap installs
// the packages without network access from a repository of verified archives. The tree is stored under the
// digest of its package list, and the same list gives the same tree.
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { digestFile, digestRecord } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import type { Entry } from '../image/file-tree.ts';
import { xattrRecord, xattrsOfRecord } from '../image/xattrs.ts';
import type { Xattrs } from '../image/xattrs.ts';
import { tarMembers } from './tar-members.ts';
import type { TarMember } from './tar-members.ts';
import { archivePath } from '../sources/archives.ts';
import { archivesFor } from '../sources/source-lock.ts';
import type { LockedArchive, SourceLock } from '../sources/source-lock.ts';

export interface BaseRequest {
  readonly name: string;
  readonly suite: string;
  readonly lock: SourceLock;
  readonly timestampSec: number;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Paths without a leading slash. The files are in the cache and must not be changed. */
export type BaseRoot = ReadonlyMap<string, Entry>;

/**
 * Raised if the tree for the same list changes. Trees before version 3 have neither extended attributes nor
 * hard links.
 */
const version = 3;

/** This file names the repository of the packages, which is a folder of this host's cache. */
const ours = 'etc/apt/sources.list';

/** Files that no program reads: a third of the size. Licences are kept. */
const leftOut = ['/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/lintian/*'];
const kept = ['/usr/share/doc/*/copyright'];

/** `xattrs`: values in base64. `inode`: the same word for each name of a file that has several. */
type Row = readonly [
  path: string,
  kind: Entry['kind'],
  mode: number,
  uid: number,
  gid: number,
  targetOrBytes: string | number,
  extras?: { readonly inode?: string; readonly xattrs?: Readonly<Record<string, string>> },
];

/**
 * Returns the tree and creates it if necessary. Missing or damaged archives are Failures. A killed run leaves
 * no tree that a later run would use.
 */
export async function baseRoot(request: BaseRequest, context: Context): Promise<BaseRoot> {
  const folder = baseFolder(request);
  if (!existsSync(folder)) {
    await phase(`installing the packages of the base ${request.name}`, context.report, () => makeBase(request, folder, context));
  }
  await markUsed(folder);
  const rows = readRows(await readFile(join(folder, 'tree.json'), 'utf8'));
  if (!rows) throw cannot(`use the base ${request.name}`, `"${folder}" is damaged`, { hint: 'remove the folder; it is created again' });
  return new Map(rows.map((row) => [row[0], entryOf(row, join(folder, 'files'))]));
}

/** Returns undefined for a text that `makeBase` did not write. */
function readRows(text: string): readonly Row[] | undefined {
  try {
    const rows: unknown = JSON.parse(text);
    return Array.isArray(rows) && rows.every(isRow) ? rows : undefined;
  } catch {
    return undefined;
  }
}

function isRow(value: unknown): value is Row {
  if (!Array.isArray(value)) return false;
  const [path, kind, mode, uid, gid, targetOrBytes, extras]: readonly unknown[] = value;
  const isWhole = [mode, uid, gid].every(Number.isSafeInteger) && (extras === undefined || (typeof extras === 'object' && extras !== null));
  if (typeof path !== 'string' || !isWhole) return false;
  return kind === 'symlink'
    ? typeof targetOrBytes === 'string'
    : (kind === 'file' || kind === 'directory') && typeof targetOrBytes === 'number';
}

/** Returns the folder of the tree for this list. */
export function baseFolder({ name, suite, lock, timestampSec, cacheDir }: BaseRequest): string {
  const archives = archivesFor(lock, `base ${name}`).map(({ path, sha256 }) => [path, sha256]);
  if (archives.length === 0) {
    throw cannot(`make the base ${name}`, 'the lock has no package for it', { hint: 'fetch --update creates a new lock' });
  }
  return join(cacheDir, 'bases', digestRecord({ version, suite, archives, timestampSec, leftOut, kept }).slice(0, 16));
}

async function makeBase(request: BaseRequest, folder: string, context: Context): Promise<void> {
  const { env, timestampSec, suite } = request;
  const partial = `${folder}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  try {
    const repository = join(partial, 'repository');
    await mkdir(repository, { recursive: true });
    const archives = archivesFor(request.lock, `base ${request.name}`);
    for (const archive of archives) await offer(archive, repository, request.cacheDir);
    const run = async (what: string, argv: readonly [string, ...string[]], cwd: string): Promise<string> =>
      await outputOf(what, [await tool(argv[0], pathOf(env)), ...argv.slice(1)], {
        cwd,
        env: { ...env, LC_ALL: 'C.UTF-8', TZ: 'UTC', SOURCE_DATE_EPOCH: String(timestampSec) },
        signal: context.signal,
      });
    await writeFile(join(repository, 'Packages'), await run('index the packages', ['dpkg-scanpackages', '-m', '.'], repository));
    const what = `install the packages of the base ${request.name}`;
    const archive = join(partial, 'root.tar');
    const options = ['--variant=custom', '--format=tar', `--include=${archives.map(({ name }) => name).join(',')}`];
    const dpkg = [...leftOut.map((path) => `path-exclude=${path}`), ...kept.map((path) => `path-include=${path}`)];
    const source = `deb [trusted=yes] copy:${repository} ./`; // each archive's digest was verified above
    await run(what, ['mmdebstrap', ...options, ...dpkg.map((option) => `--dpkgopt=${option}`), suite, archive, source], '/');
    const files = join(partial, 'files');
    await mkdir(files);
    const words = ['-xf', archive, '-C', files, '--no-same-owner', '--no-same-permissions', '--exclude=./dev/*'];
    await run('unpack the base', ['tar', ...words], '/');
    await writeFile(join(partial, 'tree.json'), JSON.stringify(rowsOf(tarMembers(archive)).filter(([path]) => path !== ours)));
    await rm(archive);
    await rm(repository, { recursive: true });
    await rename(partial, folder);
  } catch (error) {
    throw cannotBecause(`make the base ${request.name}`, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Puts an archive into the repository after checking it, because files in the cache may be damaged. */
async function offer(archive: LockedArchive, repository: string, cacheDir: string): Promise<void> {
  const path = archivePath(cacheDir, archive);
  if (!existsSync(path)) throw cannot(`use ${archive.name} ${archive.version}`, 'it has not been fetched', { hint: 'run tasks/fetch.ts' });
  if ((await digestFile(path)) !== archive.sha256) {
    await rm(path);
    throw cannot(`use ${archive.name} ${archive.version}`, 'its archive was damaged; it has been removed', {
      hint: 'run tasks/fetch.ts again',
    });
  }
  await link(path, join(repository, basename(path)));
}

/** Labels and signatures that a kernel module of the host may add to each file. No package contains them. */
const hostXattrs = /^security\.(?:selinux|SMACK64\w*|apparmor|ima|evm)$/;

/**
 * Returns the rows of an archive of a root file system. Names of one file have the path of the first one as
 * their inode. Devices, pipes and the content of dev/ are left out, because a system creates them when it
 * boots.
 */
export function rowsOf(members: Iterable<TarMember>): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { path: written, type, mode, uid, gid, sizeBytes, target, xattrs: all } of members) {
    const xattrs: Xattrs = new Map([...all].filter(([name]) => !hostXattrs.test(name)));
    const path = inRoot(written);
    if (path === undefined || type === 'other' || (type === 'file' && path.startsWith('dev/'))) continue;
    const extras = xattrs.size === 0 ? {} : { xattrs: xattrRecord(xattrs) };
    if (type === 'directory') rows.set(path, [path, 'directory', mode, uid, gid, 0, extras]);
    else if (type === 'symlink') rows.set(path, [path, 'symlink', 0o777, uid, gid, target, extras]);
    else if (type === 'file') rows.set(path, [path, 'file', mode, uid, gid, sizeBytes, extras]);
    else {
      const first = inRoot(target);
      const there = first === undefined ? undefined : rows.get(first);
      if (first === undefined || !there)
        throw cannot(`read "${path}"`, `it is a hard link to "${target}", which the archive does not have before it`);
      const [, kind, ...facts] = withInode(there, first);
      rows.set(first, [first, kind, ...facts]);
      rows.set(path, [path, kind, ...facts]);
    }
  }
  return [...rows.values()];
}

/**
 * Returns the row of a file with the inode that its names share. A symbolic link has none, because its names
 * are separate links.
 */
function withInode(row: Row, first: string): Row {
  const [path, kind, mode, uid, gid, targetOrBytes, extras = {}] = row;
  if (kind !== 'file') return row;
  return [path, kind, mode, uid, gid, targetOrBytes, { ...extras, inode: extras.inode ?? first }];
}

/** Returns "usr" for "./usr/", or undefined for a path that does not begin at the root. */
function inRoot(path: string): string | undefined {
  return path.startsWith('./') ? path.slice(2).replace(/\/$/, '') : undefined;
}

function entryOf([path, kind, mode, uid, gid, targetOrBytes, extras = {}]: Row, files: string): Entry {
  const { inode, xattrs } = extras;
  const attributes = { mode, uid, gid, ...(xattrs && { xattrs: xattrsOfRecord(xattrs) }) };
  if (kind === 'directory') return { kind, ...attributes };
  if (kind === 'symlink') return { kind, ...attributes, target: String(targetOrBytes) };
  const content = { kind: 'host', path: join(files, path), sizeBytes: Number(targetOrBytes) } as const;
  return { kind, ...attributes, content, ...(inode !== undefined && { inode }) };
}
