// A Debian root file system of exactly the packages that the lock names, as a file tree: mmdebstrap installs them from a repository made of verified
// archives, without a network. Kept by the digest of its package list; what comes of the same list is the same tree.
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { decodeName } from '../core/byte-path.ts';
import { digestFile, digestRecord } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import { phase } from '../core/events.ts';
import type { Context } from '../core/events.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import type { Entry } from '../image/file-tree.ts';
import { archivePath } from './archives.ts';
import { archivesFor } from './source-lock.ts';
import type { LockedArchive, SourceLock } from './source-lock.ts';

export interface BaseRequest {
  readonly name: string;
  readonly suite: string;
  readonly lock: SourceLock;
  readonly timestampSec: number;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Paths without a leading slash. Files are in the cache; they must not be changed. */
export type BaseRoot = ReadonlyMap<string, Entry>;

/** Raised when the same list gives another tree. */
const version = 2;

/** It names the repository that the packages came from, which is a folder of this host's cache. */
const ours = 'etc/apt/sources.list';

/** What no program reads: a third of the size. Licences stay. */
const leftOut = ['/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/lintian/*'];
const kept = ['/usr/share/doc/*/copyright'];

type Row = readonly [path: string, kind: Entry['kind'], mode: number, uid: number, gid: number, targetOrBytes: string | number];

/** The tree, made if it is not there. Archives that are missing or damaged are Failures; a killed run leaves nothing that counts. */
export async function baseRoot(request: BaseRequest, context: Context): Promise<BaseRoot> {
  const folder = baseFolder(request);
  if (!existsSync(folder)) {
    await phase(`installing the packages of the base ${request.name}`, context.report, () => makeBase(request, folder, context));
  }
  await markUsed(folder);
  const rows = JSON.parse(await readFile(join(folder, 'tree.json'), 'utf8')) as readonly Row[];
  return new Map(rows.map((row) => [row[0], entryOf(row, join(folder, 'files'))]));
}

/** Where the tree of this list lies. */
export function baseFolder({ name, suite, lock, timestampSec, cacheDir }: BaseRequest): string {
  const archives = archivesFor(lock, `base ${name}`).map(({ path, sha256 }) => [path, sha256]);
  if (archives.length === 0) {
    throw cannot(`make the base ${name}`, 'the lock has no package for it', { hint: 'fetch --update makes a new lock' });
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
      await outputOf(what, [await tool(argv[0], env['PATH'] ?? ''), ...argv.slice(1)], {
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
    const listing = await run('list the base', ['tar', '-tvf', archive, '--numeric-owner', '--quoting-style=c'], '/');
    const files = join(partial, 'files');
    await mkdir(files);
    const words = ['-xf', archive, '-C', files, '--no-same-owner', '--no-same-permissions', '--exclude=./dev/*'];
    await run('unpack the base', ['tar', ...words], '/');
    await writeFile(join(partial, 'tree.json'), JSON.stringify(rowsOf(listing).filter(([path]) => path !== ours)));
    await rm(archive);
    await rm(repository, { recursive: true });
    await rename(partial, folder);
  } catch (error) {
    throw cannotBecause(`make the base ${request.name}`, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Puts an archive into the repository. What lies in the cache may have been damaged since it was fetched. */
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

const quotedName = '"((?:[^"\\\\]|\\\\.)*)"';
const listed = new RegExp(
  `^([-dlhbcps])([-rwxsStT]{9})\\S* (\\d+)/(\\d+) +(\\d+(?:,\\d+)?) \\S+ \\S+ ${quotedName}(?: (?:->|link to) ${quotedName})?$`,
);

/** Rows of `tar -tv --quoting-style=c`: `-rwsr-xr-x 0/0 72344 2025-04-07 00:00 "./usr/bin/su"`, with ` -> "target"` or ` link to "./path"` after the name. */
export function rowsOf(listing: string): readonly Row[] {
  const sizes = new Map<string, number>();
  return listing.split('\n').flatMap((line): Row[] => {
    const [, type, bits = '', uid = '', gid = '', bytes = '', name = '', target = ''] = listed.exec(line) ?? [];
    const path = inRoot(unescaped(name));
    if (path === undefined) return [];
    const owner = [Number(uid), Number(gid)] as const;
    const mode = modeOf(bits);
    if (type === 'd') return [[path.replace(/\/$/, ''), 'directory', mode, ...owner, 0]];
    if (type === 'l') return [[path, 'symlink', 0o777, ...owner, unescaped(target)]];
    if (type === 'h') return [[path, 'file', mode, ...owner, sizes.get(inRoot(unescaped(target)) ?? '') ?? 0]];
    if (type !== '-' || path.startsWith('dev/')) return [];
    sizes.set(path, Number(bytes));
    return [[path, 'file', mode, ...owner, Number(bytes)]];
  });
}

function inRoot(path: string): string | undefined {
  return path.startsWith('./') ? path.slice(2) : undefined;
}

/** "rwsr-xr-x" -> 0o4755. */
export function modeOf(bits: string): number {
  const plain = [...bits].reduce((mode, letter) => (mode << 1) | (letter === '-' || letter === 'S' || letter === 'T' ? 0 : 1), 0);
  const special = [2, 5, 8].reduce((mode, at) => (mode << 1) | (/[sStT]/.test(bits[at] ?? '') ? 1 : 0), 0);
  return (special << 9) | plain;
}

/** GNU tar's style "c": octal for bytes, letters for control characters. A byte that is no UTF-8 is kept (lib/core/byte-path.ts). */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const letters: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };
  const bytes = [...text.matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/g)].map(([, octal, letter, plain]) => {
    if (octal !== undefined) return Buffer.from([Number.parseInt(octal, 8)]);
    if (letter !== undefined) return letter in letters ? Buffer.from([letters[letter] ?? 0]) : Buffer.from(letter);
    return Buffer.from(plain ?? '');
  });
  return decodeName(Buffer.concat(bytes));
}

function entryOf([path, kind, mode, uid, gid, targetOrBytes]: Row, files: string): Entry {
  if (kind === 'directory') return { kind, mode, uid, gid };
  if (kind === 'symlink') return { kind, mode, uid, gid, target: String(targetOrBytes) };
  return { kind, mode, uid, gid, content: { kind: 'host', path: join(files, path), sizeBytes: Number(targetOrBytes) } };
}
