// What the host adds to a unit's key: compiler, linker, standard library and native libraries, each by content and found out once.
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { digestRecord } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Toolchain } from './toolchain.ts';
import { linkerIdentity, targetIdentity, toolchainIdentity } from './identity.ts';
import type { Tools } from './identity.ts';

/** The programs that make a unit, and the standard library that they add. */
export type Compilers = Omit<Tools, 'nativeLibraries' | 'wrappers'>;

interface Host {
  readonly cache: Cache;
  readonly hostEnv: Readonly<Record<string, string>>;
}

/** What compiles for a triple. `ownStd`: the standard library is the host's own, or compiled with the rest. */
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

/** Identities of what the host adds, each found out once. */
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
      // What the configuration names to link with may call cc in the end, or not.
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

/** Scripts of -sys crates ask pkg-config: a library that was installed, removed or updated changes its .pc file. */
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
