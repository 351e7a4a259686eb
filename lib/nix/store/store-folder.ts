// A folder of store paths on the host: /nix/store, or one that was filled by copying. What a path refers to is found as Nix finds it, by the hash
// parts in it, and not asked of Nix's database; so a folder of another machine, or without Nix, will do as well.
import { lstatSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { parseDerivation } from '../derivation/derivation.ts';
import { summaryOf } from '../nar/summary.ts';
import { narOf } from '../nar/writer.ts';
import type { Nar, PathInfo, Store } from './store.ts';
import { isStoreName, storeNameIn } from './store-path.ts';
import type { StoreName } from './store-path.ts';
import { recordedStoreDir, recordOf } from './store-record.ts';

export interface StoreFolder extends Store {
  /** Where its files lie. */
  readonly dir: string;
  /** What looks like a store path in it, sorted. */
  names(): Promise<readonly StoreName[]>;
}

/** The store whose files lie in `dir`. `storeDir` is the folder that its paths name: what is recorded, else `dir` itself. */
export function storeFolder(dir: string, storeDir = recordedStoreDir(dir) ?? dir): StoreFolder {
  let listed: Promise<readonly StoreName[]> | undefined;
  const infos = new Map<StoreName, PathInfo>();
  const names = (): Promise<readonly StoreName[]> => (listed ??= namesIn(dir));
  return {
    storeDir,
    dir,
    lookups: 1,
    names,
    info: async (name, context) => {
      const known = infos.get(name);
      if (known) return known;
      const info = await scannedInfo({ dir, storeDir }, name, await names(), context);
      infos.set(name, info);
      return info;
    },
    nar: async (name): Promise<Nar> => {
      const path = present(dir, name);
      return { chunks: narOf(path), [Symbol.asyncDispose]: async () => undefined };
    },
  };
}

async function scannedInfo(
  { dir, storeDir }: Pick<StoreFolder, 'dir' | 'storeDir'>,
  name: StoreName,
  names: readonly StoreName[],
  context: Context,
): Promise<PathInfo> {
  const path = present(dir, name);
  const { sizeBytes, hash, references } = await summaryOf(narOf(path), names, context);
  const info = { name, narHash: hash, narSize: sizeBytes };
  // A derivation names its outputs, and does not refer to them.
  if (name.endsWith('.drv') && lstatSync(path).isFile()) return { ...info, references: await derivationReferences(path) };
  // What the folder lacks cannot be found in bytes; where a record tells of it, its lack is told when it is asked for.
  const recorded = (await recordOf(dir, storeDir, name))?.references ?? [];
  return { ...info, references: [...new Set([...references, ...recorded])].sort(byCodeUnit) };
}

async function derivationReferences(path: string): Promise<readonly StoreName[]> {
  const { inputs, sources } = parseDerivation(await readFile(path), path);
  return [...inputs.map(([input]) => input), ...sources].map((input) => storeNameIn(input, dirname(input))).sort(byCodeUnit);
}

function present(dir: string, name: StoreName): string {
  const path = join(dir, name);
  if (lstatSync(path, { throwIfNoEntry: false })) return path;
  throw cannot(`read the store path "${name}"`, `it is not in "${dir}"`, { hint: 'build it, or say with --store DIR where the store is' });
}

async function namesIn(dir: string): Promise<readonly StoreName[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw cannotBecause(`read the store "${dir}"`, error, 'say with --store DIR where the store is');
  });
  const paths = new Set(names.filter(isStoreName));
  return [...paths].filter((name) => !isLeftBeside(name, dir, paths)).sort(byCodeUnit);
}

/**
 * Whether Nix left this file or folder next to a path that it built. It has the hash part of that path, as no other path
 * has. A lock of a path that does not exist is recognized by its mode and size.
 */
function isLeftBeside(name: StoreName, dir: string, paths: ReadonlySet<string>): boolean {
  const [, built] = /^(.*)\.(?:lock|chroot|check)$/.exec(name) ?? [];
  if (built === undefined) return false;
  if (paths.has(built)) return true;
  const there = lstatSync(join(dir, name), { throwIfNoEntry: false });
  return name.endsWith('.lock') && there?.isFile() === true && (there.mode & 0o777) === lockMode && there.size <= longestLock;
}

/** Source: libstore/pathlocks.cc. A lock is empty, or holds one letter when it is to be deleted. */
const lockMode = 0o600;
const longestLock = 1;
