// Loads a configuration and the files that it includes. The content of a file replaces that of its includes.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cannot } from '../core/errors.ts';
import { readTomlFields } from '../core/fields.ts';
import { configurationOf } from './configuration.ts';
import type { Configuration, ConfigurationFile } from './configuration.ts';

export interface LoadedConfiguration extends Configuration {
  /** Every file that was read, in the order of merging; absolute. */
  readonly read: readonly string[];
}

/**
 * Reads `path` and its includes. An include is looked for next to the file that names it, then in `folders`. Throws a Failure for a missing
 * file, a cycle and a wrong field.
 */
export async function loadConfiguration(path: string, folders: readonly string[]): Promise<LoadedConfiguration> {
  const read: string[] = [];
  const load = async (file: string, above: readonly string[]): Promise<Configuration> => {
    if (above.includes(file)) throw cannot(`read "${path}"`, `its includes form a cycle: ${[...above, file].join(' -> ')}`);
    const own = configurationOf(await readTomlFields(file));
    let merged: Configuration = empty;
    for (const name of own.include) merged = merge(merged, await load(included(name, file, folders), [...above, file]));
    read.push(file);
    return merge(merged, own);
  };
  return { ...(await load(resolve(path), [])), read };
}

const empty: Configuration = {
  general: {},
  packages: new Map(),
  files: [],
  users: new Map(),
  groups: new Map(),
  network: undefined,
  aliases: new Map(),
};

function included(name: string, from: string, folders: readonly string[]): string {
  const tried = [dirname(from), ...folders].map((folder) => resolve(folder, name));
  const found = tried.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw cannot(`read "${from}"`, `it includes "${name}", which does not exist`, { hint: `looked for ${[...new Set(tried)].join(', ')}` });
}

/** `later` wins, field by field for general, users and groups. */
function merge(earlier: Configuration, later: Configuration | ConfigurationFile): Configuration {
  const packages = new Map([...earlier.packages, ...later.packages]);
  for (const name of 'ignored' in later ? later.ignored : []) packages.delete(name);
  return {
    general: {
      filesystemMiB: later.general.filesystemMiB ?? earlier.general.filesystemMiB,
      efiPartitionMiB: later.general.efiPartitionMiB ?? earlier.general.efiPartitionMiB,
    },
    packages,
    files: [...earlier.files, ...later.files],
    users: mergeEach(earlier.users, later.users),
    groups: mergeEach(earlier.groups, later.groups),
    network: later.network ?? earlier.network,
    aliases: new Map([...earlier.aliases, ...later.aliases]),
  };
}

function mergeEach<T extends object>(earlier: ReadonlyMap<string, T>, later: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const merged = new Map(earlier);
  for (const [name, value] of later) merged.set(name, { ...merged.get(name), ...value });
  return merged;
}

/** Returns the folders of a cookbook's configurations, in the order of search. */
export function cookbookFolders(cookbook: string, architecture: string): readonly string[] {
  return [join(cookbook, 'config', architecture), join(cookbook, 'config')];
}
