// A folder of store paths on the host: /nix/store, or a folder that was filled by copying. References of a
// path are found as Nix finds them, by hash parts, and not in Nix's database. So a folder from another
// machine, or on a host without Nix, works as well.
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
  /** The folder with its files. */
  readonly dir: string;
  /** Returns the sorted names of all entries that look like store paths. */
  names(): Promise<readonly StoreName[]>;
}

/**
 * Returns the store whose files are in `dir`. `storeDir` is the folder in the names of its paths: the
 * recorded one, otherwise `dir` itself.
 */
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
  // A derivation contains the names of its outputs without referring to them.
  if (name.endsWith('.drv') && lstatSync(path).isFile()) return { ...info, references: await derivationReferences(path) };
  // A reference to a path that the folder lacks cannot be found in bytes. If a record names it, its absence
  // is reported when it is needed.
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
 * Whether Nix left this file or folder next to a path that it built. It has the hash part of that path, which
 * no other path has. A lock file of a path that does not exist is recognized by its mode and size.
 */
function isLeftBeside(name: StoreName, dir: string, paths: ReadonlySet<string>): boolean {
  const [, built] = /^(.*)\.(?:lock|chroot|check)$/.exec(name) ?? [];
  if (built === undefined) return false;
  if (paths.has(built)) return true;
  const there = lstatSync(join(dir, name), { throwIfNoEntry: false });
  return name.endsWith('.lock') && there?.isFile() === true && (there.mode & 0o777) === lockMode && there.size <= longestLock;
}

/** Source: libstore/pathlocks.cc. A lock file is empty, or contains one letter when it is to be deleted. */
const lockMode = 0o600;
const longestLock = 1;
