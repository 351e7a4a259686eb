// The folders from which a Cargo project is built: its workspace, and the workspaces of path dependencies.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { absentAsUndefined } from '../core/errors.ts';
import { parseToml, tableOf } from '../crates/cargo/config-files.ts';
import { workspaceRootOf } from '../crates/cargo/package.ts';
import { isIn } from './watch-set.ts';

/** Names of tables that have dependencies. */
const dependencyTables = ['dependencies', 'dev-dependencies', 'build-dependencies', 'dev_dependencies', 'build_dependencies'];

/**
 * Returns absolute folders, none inside another. A manifest that cannot be read has no dependencies, because
 * cargo reports the error.
 */
export async function projectFolders(dir: string, cargoHome: string): Promise<readonly string[]> {
  const roots: string[] = [];
  const manifests = new Set([resolve(dir)]);
  for (const folder of manifests) {
    // Iteration over a set includes entries that are added during it.
    const root = workspaceRootOf(folder, cargoHome);
    const manifest = await manifestIn(folder);
    if (!manifest) continue;
    if (!roots.some((one) => isIn(root, one))) roots.push(root);
    if (!roots.some((one) => isIn(folder, one))) roots.push(folder);
    for (const path of pathsIn(manifest)) manifests.add(resolve(folder, path));
    manifests.add(root);
    for (const member of await membersOf(manifest, folder)) manifests.add(member);
  }
  return roots.filter((one) => !roots.some((other) => other !== one && isIn(one, other)));
}

async function manifestIn(folder: string): Promise<TomlTable | undefined> {
  const text = await absentAsUndefined(readFile(join(folder, 'Cargo.toml'), 'utf8'));
  if (text === undefined) return undefined;
  try {
    return parseToml(text);
  } catch {
    return {};
  }
}

/** Returns paths of dependencies, of the workspace's dependencies and of patches, unchanged. */
function pathsIn(manifest: TomlTable): readonly string[] {
  const workspace = tableOf(manifest['workspace']);
  const targets = Object.values(tableOf(manifest['target'])).map(tableOf);
  const dependencies = [manifest, workspace, ...targets].flatMap((table) => dependencyTables.map((name) => tableOf(table[name])));
  const patches = Object.values(tableOf(manifest['patch'])).map(tableOf);
  return [...dependencies, ...patches, tableOf(manifest['replace'])].flatMap((table) =>
    Object.values(table).flatMap((row) => {
      const { path } = tableOf(row);
      return typeof path === 'string' ? [path] : [];
    }),
  );
}

/** Returns members of a workspace by their folders. */
async function membersOf(manifest: TomlTable, folder: string): Promise<readonly string[]> {
  const { members } = tableOf(manifest['workspace']);
  const patterns = Array.isArray(members) ? members.filter((one) => typeof one === 'string') : [];
  if (patterns.length === 0) return [];
  const { globby } = await import('globby');
  const ignore = ['**/target/**', '**/.git/**'];
  return await globby(patterns, { cwd: folder, absolute: true, onlyDirectories: true, expandDirectories: false, ignore });
}
