// What a compiler and a linker are, as digests of their content: part of every key, since a version text says too little about a patched compiler
// (facts: crates, traps 20 and 33). Knows nothing of keys.
import { existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit, digestFile, digestRecord } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { findProgram, run } from '../../core/sh.ts';
import { installHint } from '../../core/tools.ts';
import type { Toolchain, ToolchainSearch } from './toolchain.ts';

/** Names of files by what they are called in the record, absolute. */
type Parts = Readonly<Record<string, string>>;

/**
 * rustc, cargo, the compiler's libraries and the standard library of its host, by content, or by the archive that rustup verified and unpacked
 * them from; looked at anew only when one of them changes.
 */
export async function toolchainIdentity(toolchain: Toolchain, cacheDir: string): Promise<Digest> {
  const { sysroot, rustc, cargo, host, verbose } = toolchain;
  return remembered<Digest>(cacheDir, 'toolchain', { sysroot, rustc, cargo, verbose }, async () => {
    const folders = [join(sysroot, 'lib'), join(sysroot, 'lib/rustlib', host, 'lib'), join(sysroot, 'lib/rustlib', host, 'bin')];
    const libraries = (await Promise.all(folders.map((folder) => filesIn(folder, sysroot)))).flat();
    const parts = { ...Object.fromEntries(libraries), rustc, cargo };
    return { value: digestRecord({ verbose, files: await digests(parts, sysroot) }), witnesses: [...folders, ...Object.values(parts)] };
  });
}

/** The standard libraries of another triple that the toolchain has installed; undefined when it has none (then only build-std serves it). */
export async function targetIdentity({ sysroot }: Toolchain, triple: string, cacheDir: string): Promise<Digest | undefined> {
  const folder = join(sysroot, 'lib/rustlib', triple, 'lib');
  const value = await remembered<Digest | null>(cacheDir, 'target', { sysroot, triple }, async () => {
    const parts = Object.fromEntries(await filesIn(folder, sysroot));
    const present = Object.keys(parts).length > 0;
    return { value: present ? digestRecord(await digests(parts, sysroot)) : null, witnesses: [folder, ...Object.values(parts)] };
  });
  return value ?? undefined;
}

/** What a C compiler adds to a program that it links, besides the program's own objects. */
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
 * cc, the programs that it runs to link, and the files that it adds to every program, by content. Without cc: a Failure (host).
 * Units that do not link do not depend on it.
 */
export async function linkerIdentity({ env, cacheDir }: ToolchainSearch, { signal }: Context): Promise<Digest> {
  const path = env['PATH'] ?? '';
  const cc = await findProgram('cc', path);
  if (!cc) throw cannot('find the linker "cc"', 'it is not installed', { blame: 'host', hint: installHint('cc') });
  return remembered<Digest>(cacheDir, 'linker', { cc, path }, async () => {
    const parts = { cc, ...(await foundBy(cc, linkedIn, path, signal)) };
    const version = await run([cc, '--version'], { cwd: '/', env: { PATH: path }, signal });
    return { value: digestRecord({ version: version.stdout, files: await digests(parts) }), witnesses: Object.values(parts) };
  });
}

/** Where cc would take a file or a program of its own from, by name; those that it has none of are left out. */
async function foundBy(cc: string, names: readonly string[], path: string, signal: AbortSignal): Promise<Parts> {
  const ask = async (question: string): Promise<string> => (await run([cc, question], { cwd: '/', env: { PATH: path }, signal })).stdout;
  // What -print-file-name would look through, asked once for all names.
  const folders = /^libraries: =?(.*)$/m.exec(await ask('-print-search-dirs'))?.[1]?.split(':') ?? [];
  const rows = await Promise.all(
    names.map(async (name) => {
      if (name.includes('.')) return [name, folders.map((folder) => join(folder, name)).find((file) => existsSync(file))] as const;
      const answer = (await ask(`-print-prog-name=${name}`)).trim();
      // cc gives the bare name back when it would look on PATH, or has none.
      return [name, answer === '' || answer.startsWith('/') ? answer || undefined : await findProgram(answer, path)] as const;
    }),
  );
  return Object.fromEntries(rows.filter((row): row is [string, string] => row[1] !== undefined));
}

/** [path relative to the sysroot, absolute path] of the plain files of a folder; none when there is no such folder. */
async function filesIn(folder: string, sysroot: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(folder, entry.name);
      return [path.slice(sysroot.length + 1), path] as const;
    });
}

/** What each file is. One that is no plain file is left out. */
async function digests(parts: Parts, sysroot?: string): Promise<Readonly<Record<string, string>>> {
  const [{ default: pLimit }, { rustupRecord }] = await Promise.all([import('p-limit'), import('./rustup-record.ts')]); // most builds know them
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

/** What the host adds to keys. */
export interface Tools {
  readonly rustc: Digest;
  /** The standard library of the target, where it is the toolchain's own and not the host's. */
  readonly target: Digest | undefined;
  readonly linker: Digest;
  /** Programs that the configuration starts in front of rustc. */
  readonly wrappers: Digest | undefined;
  /** The native libraries that build scripts can find (pkg-config's files). */
  readonly nativeLibraries: Digest;
}
