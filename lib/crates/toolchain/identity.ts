// The host's part of keys: compiler, linker, standard library and native libraries as digests of their
// content, because a version does not identify a patched compiler. Each digest is computed once. rustup
// records which archive each installed file came from, and the SHA-256 with which it verified the archive. An
// unchanged file is identified by that, so that 600 MB of compiler need not be read. Source: the folder
// lib/rustlib of any toolchain of rustup's (components, manifest-<component>,
// multirust-channel-manifest.toml).
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { byCodeUnit, digestFile, digestRecord, isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot, matched } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { orNull } from '../../core/stored-values.ts';
import { findProgram, run } from '../../core/sh.ts';
import { installHint } from '../../core/tools.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Toolchain, ToolchainSearch } from './toolchain.ts';
import { pathOf } from '../../core/paths.ts';

/**
 * Folder of a sysroot with libraries for the toolchain's own programs, and with these programs, if the
 * toolchain contains its own dynamic linker. Other programs do not search for libraries there.
 */
export const privateLibraries = 'lib/private';

/** Absolute paths of files by their names in the record. */
type Parts = Readonly<Record<string, string>>;

/**
 * Returns the identity of rustc, cargo, the compiler's libraries and the standard library of its host, by
 * content, or by the archive that rustup verified and unpacked. It is computed again only if one of the files
 * changes.
 */
export async function toolchainIdentity(toolchain: Toolchain, cacheDir: string): Promise<Digest> {
  const { sysroot, rustc, cargo, host, verbose } = toolchain;
  return remembered<Digest>(
    cacheDir,
    'toolchain',
    { sysroot, rustc, cargo, verbose },
    async () => {
      const libraries = ['lib', privateLibraries, `lib/rustlib/${host}/lib`].map((folder) => join(sysroot, folder));
      const programs = join(sysroot, `lib/rustlib/${host}/bin`);
      const inLibraries: Parts = Object.fromEntries((await Promise.all(libraries.map((folder) => filesIn(folder, sysroot)))).flat());
      const started: Parts = { ...Object.fromEntries(await filesIn(programs, sysroot)), rustc, cargo };
      // Programs in the private folder are started by what the C compiler of this host made, which has other bytes on another host.
      const isPrivate = inLibraries[`${privateLibraries}/rustc`] !== undefined;
      const parts = isPrivate ? inLibraries : { ...inLibraries, ...started };
      const witnesses = [...libraries, programs, ...Object.values(inLibraries), ...Object.values(started)];
      return { value: digestRecord({ verbose, files: await digests(parts, sysroot) }), witnesses };
    },
    isDigest,
  );
}

/**
 * Returns the identity of another triple's installed standard libraries, or undefined if they are not
 * installed (then only build-std supports it).
 */
export async function targetIdentity({ sysroot }: Toolchain, triple: string, cacheDir: string): Promise<Digest | undefined> {
  const folder = join(sysroot, 'lib/rustlib', triple, 'lib');
  const value = await remembered<Digest | null>(
    cacheDir,
    'target',
    { sysroot, triple },
    async () => {
      const parts = Object.fromEntries(await filesIn(folder, sysroot));
      const present = Object.keys(parts).length > 0;
      return { value: present ? digestRecord(await digests(parts, sysroot)) : null, witnesses: [folder, ...Object.values(parts)] };
    },
    orNull(isDigest),
  );
  return value ?? undefined;
}

/** Files that a C compiler adds to a program that it links. */
const linkedIn = [
  'crt1.o',
  'Scrt1.o',
  'crti.o',
  'crtn.o',
  'crtbegin.o',
  'crtbeginS.o',
  'crtend.o',
  'crtendS.o',
  'libc.so',
  'libc.so.6',
  'libc_nonshared.a',
  'libm.so.6',
  'libgcc.a',
  'libgcc_s.so.1',
  'collect2',
  'ld',
  'lld',
];

/**
 * Returns the identity of cc, of the programs that it runs to link, and of the files that it adds to every
 * program, by content. A missing cc is a Failure (host). Units that do not link do not depend on it.
 */
export async function linkerIdentity({ env, cacheDir }: ToolchainSearch, { signal }: Context): Promise<Digest> {
  const path = pathOf(env);
  const cc = await findProgram('cc', path);
  if (!cc) throw cannot('find the linker "cc"', 'it is not installed', { blame: 'host', hint: installHint('cc') });
  return remembered<Digest>(
    cacheDir,
    'linker',
    { cc, path },
    async () => {
      const parts = { cc, ...(await foundBy(cc, linkedIn, path, signal)) };
      const version = await run([cc, '--version'], { cwd: '/', env: { PATH: path }, signal });
      return { value: digestRecord({ version: version.stdout, files: await digests(parts) }), witnesses: Object.values(parts) };
    },
    isDigest,
  );
}

/**
 * Returns the paths of files and programs that cc would use, by name. Those that it does not have are left
 * out.
 */
async function foundBy(cc: string, names: readonly string[], path: string, signal: AbortSignal): Promise<Parts> {
  const ask = async (question: string): Promise<string> => (await run([cc, question], { cwd: '/', env: { PATH: path }, signal })).stdout;
  // The folders that -print-file-name would search, requested once for all names.
  const folders = /^libraries: =?(.*)$/m.exec(await ask('-print-search-dirs'))?.[1]?.split(':') ?? [];
  const rows = await Promise.all(
    names.map(async (name) => {
      if (name.includes('.')) return [name, folders.map((folder) => join(folder, name)).find((file) => existsSync(file))] as const;
      const answer = (await ask(`-print-prog-name=${name}`)).trim();
      // cc returns the name itself if it would search PATH, or has no such program.
      return [name, answer === '' || answer.startsWith('/') ? answer || undefined : await findProgram(answer, path)] as const;
    }),
  );
  return Object.fromEntries(rows.filter((row): row is [string, string] => row[1] !== undefined));
}

/**
 * Returns [path relative to the sysroot, absolute path] of the plain files of a folder. The list is empty if
 * the folder does not exist.
 */
async function filesIn(folder: string, sysroot: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(folder, entry.name);
      return [path.slice(sysroot.length + 1), path] as const;
    });
}

/** Returns the identity of each file. Other kinds of entries are left out. */
async function digests(parts: Parts, sysroot?: string): Promise<Readonly<Record<string, string>>> {
  const { default: pLimit } = await import('p-limit'); // most builds know the digests
  const limit = pLimit(4);
  const names = Object.keys(parts).sort(byCodeUnit);
  const installed = sysroot === undefined ? undefined : await rustupRecord(sysroot);
  const entries = await Promise.all(
    names.map((name) =>
      limit(async () => {
        const path = parts[name] ?? '';
        const archive = await installed?.(path.slice((sysroot ?? '').length + 1));
        if (archive !== undefined) return [[name, archive] as const];
        const file = await realpath(path);
        return (await stat(file)).isFile() ? [[name, await digestFile(file)] as const] : [];
      }),
    ),
  );
  return Object.fromEntries(entries.flat());
}

/** The host's part of keys. */
export interface Tools {
  readonly rustc: Digest;
  /** The standard library of the target, if it comes from the toolchain and is not the host's. */
  readonly target: Digest | undefined;
  readonly linker: Digest;
  /** Programs that the configuration starts in front of rustc. */
  readonly wrappers: Digest | undefined;
  /** The native libraries that build scripts can find (pkg-config's files). */
  readonly nativeLibraries: Digest;
}

/** The programs that produce a unit, and the standard library that they add. */
export type Compilers = Omit<Tools, 'nativeLibraries' | 'wrappers'>;

interface Host {
  readonly cache: Cache;
  readonly hostEnv: Readonly<Record<string, string>>;
}

/**
 * Returns the identity for a triple. `ownStd`: the standard library is the host's own, or compiled with the
 * rest.
 */
export async function compilersFor(
  { toolchain, triple, ownStd }: { readonly toolchain: Toolchain; readonly triple: string; readonly ownStd: boolean },
  { cache, hostEnv }: Host,
  context: Context,
): Promise<Compilers> {
  const cacheDir = cache.root;
  const [rustc, target, linker] = await Promise.all([
    toolchainIdentity(toolchain, cacheDir),
    ownStd ? undefined : targetIdentity(toolchain, triple, cacheDir),
    linkerIdentity({ env: hostEnv, cacheDir }, context),
  ]);
  return { rustc, target, linker };
}

/** Returns the host's part of a unit's key. Each part is computed once. */
export function toolsOf(host: Host, context: Context): (unit: PlannedUnit) => Promise<Tools> {
  const known = new Map<string, Promise<Tools>>();
  const find = async ({ toolchain, rustSrc, triple, linkerProgram, wrappers }: PlannedUnit): Promise<Tools> => {
    const ownStd = triple === toolchain.host || rustSrc !== undefined;
    const [compilers, nativeLibraries] = await Promise.all([
      compilersFor({ toolchain, triple, ownStd }, host, context),
      nativeLibrariesIdentity(host.cache),
    ]);
    const inFront = [wrappers.all?.digest, wrappers.members?.digest].filter((digest) => digest !== undefined);
    return {
      ...compilers,
      // The configured linker may or may not call cc.
      linker: linkerProgram?.digest === undefined ? compilers.linker : digestRecord([compilers.linker, linkerProgram.digest]),
      wrappers: inFront.length === 0 ? undefined : digestRecord(inFront),
      nativeLibraries,
    };
  };
  return (unit) => {
    const { linkerProgram, wrappers } = unit;
    const programs = [linkerProgram?.digest, wrappers.all?.digest, wrappers.members?.digest].join(' ');
    const name = `${unit.toolchain.rustc} ${unit.triple} ${unit.rustSrc === undefined} ${programs}`;
    const tools = known.get(name) ?? find(unit);
    known.set(name, tools);
    return tools;
  };
}

/**
 * Scripts of -sys crates call pkg-config: a library that was installed, removed or updated changes its .pc
 * file.
 */
async function nativeLibrariesIdentity({ digests }: Cache): Promise<Digest> {
  const folders = [
    '/usr/lib/x86_64-linux-gnu/pkgconfig',
    '/usr/lib/aarch64-linux-gnu/pkgconfig',
    '/usr/lib64/pkgconfig',
    '/usr/lib/pkgconfig',
    '/usr/share/pkgconfig',
    '/usr/local/lib/pkgconfig',
  ];
  return digestRecord(await Promise.all(folders.map((folder) => digests.tree(folder).catch(() => null))));
}

/** Files of one component by their paths relative to the sysroot. */
interface Component {
  readonly archive: string;
  readonly files: ReadonlySet<string>;
  readonly installedMs: number;
}

/**
 * Returns the digest of the archive that an unchanged file came from. Undefined if rustup has no record of
 * the file, or it was changed.
 */
export type Installed = (path: string) => Promise<string | undefined>;

/** rustup gives a file the time when it was unpacked, and writes the component's manifest after the last file. */
const mostUnpackingMs = 60 * 60 * 1000;
/** Some file systems store times with a precision of one or two seconds. */
const coarseMs = 2000;

/**
 * Reads the record of the components that a build depends on. A toolchain that rustup did not install has no
 * record.
 */
export async function rustupRecord(sysroot: string): Promise<Installed> {
  const folder = join(sysroot, 'lib/rustlib');
  const [names, channel] = await Promise.all(
    ['components', 'multirust-channel-manifest.toml'].map((name) => absentAsUndefined(readFile(join(folder, name), 'utf8'))),
  );
  if (names === undefined || channel === undefined) return async () => undefined;
  const wanted = names.split('\n').filter((name) => /^(?:rustc|cargo|rust-std)-/.test(name));
  const components = (await Promise.all(wanted.map((name) => componentOf(folder, name, channel)))).filter((one) => one !== undefined);
  return async (path) => {
    const owner = components.find(({ files }) => files.has(path));
    if (!owner) return undefined;
    const mtimeMs = (await absentAsUndefined(stat(join(sysroot, path))))?.mtimeMs;
    const untouched = mtimeMs !== undefined && mtimeMs <= owner.installedMs + coarseMs && mtimeMs >= owner.installedMs - mostUnpackingMs;
    return untouched ? `rustup:${owner.archive}` : undefined;
  };
}

async function componentOf(folder: string, name: string, channel: string): Promise<Component | undefined> {
  const archive = archiveOf(name, channel);
  const path = join(folder, `manifest-${name}`);
  const [text, about] = await Promise.all([absentAsUndefined(readFile(path, 'utf8')), absentAsUndefined(stat(path))]);
  if (archive === undefined || text === undefined || about === undefined) return undefined;
  const files = [...text.matchAll(/^file:(.+)$/gm)].map((match) => matched(match, 1));
  return { archive, files: new Set(files), installedMs: about.mtimeMs };
}

/**
 * Returns the digest of a component in the channel's manifest ("rust-std-x86_64-unknown-none"). The manifest
 * is a megabyte of TOML, of which one table is needed. Parsing all of it would take longer than the time that
 * is saved.
 */
function archiveOf(component: string, channel: string): string | undefined {
  const [, pkg = '', target = ''] = /^(rustc|cargo|rust-std)-(.+)$/.exec(component) ?? [];
  const from = channel.indexOf(`\n[pkg.${pkg}.target.${target}]\n`);
  if (from === -1) return undefined;
  const end = channel.indexOf('\n[', from + 1);
  const table = channel.slice(from, end === -1 ? undefined : end);
  return (/^xz_hash = "([0-9a-f]{64})"$/m.exec(table) ?? /^hash = "([0-9a-f]{64})"$/m.exec(table))?.[1];
}
