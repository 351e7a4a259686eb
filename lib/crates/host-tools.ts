// What the host adds to a unit's key: compiler, linker, standard library and native libraries, each by content and found out once.
import type { Cache } from '../cache/cache.ts';
import type { Digest } from '../core/digest.ts';
import { digestRecord } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import type { PlannedUnit } from './plan.ts';
import { linkerIdentity, targetIdentity, toolchainIdentity } from './toolchain-identity.ts';
import type { Tools } from './unit-action.ts';

/** Identities of what the host adds, each found out once. */
export function toolsOf(
  options: { readonly cache: Cache; readonly hostEnv: Readonly<Record<string, string>> },
  context: Context,
): (unit: PlannedUnit) => Promise<Tools> {
  const cacheDir = options.cache.root;
  const known = new Map<string, Promise<Tools>>();
  const find = async ({ toolchain, rustSrc, triple }: PlannedUnit): Promise<Tools> => {
    const ownStd = triple === toolchain.host || rustSrc !== undefined;
    const [rustc, target, linker, nativeLibraries] = await Promise.all([
      toolchainIdentity(toolchain, cacheDir),
      ownStd ? undefined : targetIdentity(toolchain, triple, cacheDir),
      linkerIdentity({ env: options.hostEnv, cacheDir }, context),
      nativeLibrariesIdentity(options.cache),
    ]);
    return { rustc, target, linker, nativeLibraries };
  };
  return (unit) => {
    const name = `${unit.toolchain.rustc} ${unit.triple} ${unit.rustSrc === undefined}`;
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
