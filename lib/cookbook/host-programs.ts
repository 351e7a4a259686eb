// Digests of the host's programs. They are part of the key of each action that may run them.
import { readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { byCodeUnit, digestFile, digestRecord, isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { remembered } from '../core/remembered.ts';
import { findProgram, run } from '../core/sh.ts';

/** PATH in the sandbox. */
export const sandboxPath = '/usr/local/bin:/usr/bin:/bin';

export interface HostPrograms {
  /** Returns the digests of the programs that exist, by name. */
  identities(names: readonly string[]): Promise<Readonly<Record<string, Digest>>>;
  /** Returns the first name for which there is no program. */
  missing(names: readonly string[]): Promise<string | undefined>;
}

/** Programs that a compiler runs. */
const parts = ['cc1', 'cc1plus', 'as', 'ld', 'collect2'];

export function hostPrograms(cache: Cache, signal: AbortSignal): HostPrograms {
  const known = new Map<string, Promise<Digest | undefined>>();
  const identity = async (name: string): Promise<Digest | undefined> => {
    const path = await findProgram(name, sandboxPath);
    if (path === undefined) return undefined;
    return ['cc', 'c++', 'gcc', 'g++', 'clang'].includes(name)
      ? await compilerIdentity(path, cache, signal)
      : await programIdentity(path, cache);
  };
  const once = (name: string): Promise<Digest | undefined> => {
    const found = known.get(name) ?? identity(name);
    known.set(name, found);
    return found;
  };
  return {
    async identities(names) {
      const rows = await Promise.all(names.map(async (name) => [name, await once(name)] as const));
      return Object.fromEntries(rows.filter((row): row is readonly [string, Digest] => row[1] !== undefined));
    },
    async missing(names) {
      for (const name of names) if ((await once(name)) === undefined) return name;
      return undefined;
    },
  };
}

/**
 * Returns the digest of the program's file. For programs of LLVM, it includes LLVM's libraries, which contain
 * most of the code.
 */
async function programIdentity(path: string, { digests }: Cache): Promise<Digest | undefined> {
  const file = await realpath(path);
  const libraries = await llvmLibraries(file);
  const own = await digests.file(file);
  if (libraries.length === 0 || own === undefined) return own;
  return digestRecord([own, ...(await Promise.all(libraries.map(async (one) => (await digests.file(one)) ?? null)))]);
}

/** The shared libraries of LLVM next to a program's folder: lib/libLLVM-14.so.1 for llvm-14/bin/clang. */
async function llvmLibraries(file: string): Promise<readonly string[]> {
  const folder = join(dirname(dirname(file)), 'lib');
  if (!/(?:^|\/)llvm[^/]*$/.test(dirname(folder))) return [];
  const found = (await readdir(folder).catch(() => [])).filter((name) => /^lib(?:LLVM|clang-cpp|lld).*\.so/.test(name)).sort(byCodeUnit);
  return [...new Set(await Promise.all(found.map((name) => realpath(join(folder, name)))))];
}

async function compilerIdentity(compiler: string, { root }: Cache, signal: AbortSignal): Promise<Digest> {
  return await remembered<Digest>(
    root,
    'compiler',
    { compiler },
    async () => {
      const own = await realpath(compiler);
      const files = [own, ...(await llvmLibraries(own))];
      for (const part of parts) {
        const asked = await run([compiler, `-print-prog-name=${part}`], { cwd: '/', env: { PATH: sandboxPath }, signal });
        const answer = asked.stdout.trim();
        const path = answer.startsWith('/') ? join(answer) : await findProgram(answer || part, sandboxPath);
        if (path !== undefined) files.push(await realpath(path));
      }
      return { value: digestRecord(await Promise.all(files.map((file) => digestFile(file)))), witnesses: [compiler, ...files] };
    },
    isDigest,
  );
}
