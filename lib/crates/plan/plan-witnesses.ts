// The files and folders that cargo's answer for a project depends on, computed from the answer: manifests, the workspaces that they belong to,
// folders in which cargo discovers targets and members, and manifests that would count if they were there. A folder ends with a slash, and stands
// for the names in it. Configuration files and what lies above the project are in the question instead (resolution.ts).
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TomlTable, TomlValue } from 'smol-toml';
import { foldersUp, parseToml, tableOf } from '../cargo/config-files.ts';
import type { Package } from '../cargo/package.ts';
import { commonFolder } from '../cargo/portable-paths.ts';
import { workspaceRootOf } from '../cargo/workspace-root.ts';

/** Folders of a package in which a new file is a new target, and a new folder with a main.rs as well. */
const targetFolders = ['src/bin', 'examples', 'tests', 'benches'];

/** Absolute paths, each once. `packages` are all that cargo knows of, `cargoHome` is where it keeps those that it downloaded. */
export async function lookedAt(packages: readonly Package[], workspaceRoot: string, cargoHome: string): Promise<readonly string[]> {
  const own = packages.filter(({ source }) => source === undefined).map(({ dir }) => dir);
  const around = commonFolder(workspaceRoot, own);
  const roots = [...new Set([workspaceRoot, ...own.map((dir) => workspaceRootOf(dir, cargoHome))])];
  const discovered = await Promise.all(own.map(discoveredFolders));
  const members = await Promise.all(roots.map(memberFolders));
  return [
    ...new Set([
      join(workspaceRoot, 'Cargo.lock'),
      ...packages.map(({ manifestPath }) => manifestPath),
      ...roots.map((root) => join(root, 'Cargo.toml')),
      // One that appears may make a workspace around a package.
      ...own.flatMap((dir) =>
        foldersUp(dir)
          .filter((folder) => `${folder}/`.startsWith(`${around}/`))
          .map((folder) => join(folder, 'Cargo.toml')),
      ),
      ...discovered.flat(),
      ...members.flat(),
    ]),
  ];
}

async function discoveredFolders(dir: string): Promise<readonly string[]> {
  const nested = await Promise.all(
    targetFolders.map(async (folder) => (await foldersIn(join(dir, folder))).map((name) => `${join(dir, folder, name)}/`)),
  );
  return [`${dir}/`, `${dir}/src/`, ...targetFolders.map((folder) => `${join(dir, folder)}/`), ...nested.flat()];
}

/** Where a workspace's patterns of members look, and what its patches would take from folders. */
async function memberFolders(root: string): Promise<readonly string[]> {
  const text = await readFile(join(root, 'Cargo.toml'), 'utf8').catch(() => '');
  const manifest = parseToml(text);
  const workspace = tableOf(manifest['workspace']);
  const patterns = [...texts(workspace['members']), ...texts(workspace['default-members'])];
  const looked: string[] = [];
  for (const pattern of patterns) if (/[*?[]/.test(pattern)) looked.push(...(await expand(root, pattern.split('/').filter(Boolean))));
  const patches = Object.values(tableOf(manifest['patch'])).flatMap((source) => Object.values(tableOf(source)));
  for (const { path } of [...patches, ...Object.values(tableOf(manifest['replace']))].map(tableOf) as readonly TomlTable[]) {
    if (typeof path === 'string') looked.push(join(resolve(root, path), 'Cargo.toml'));
  }
  return looked;
}

/** Every folder that a pattern lists, and every manifest that it looks for. */
async function expand(folder: string, [part, ...rest]: readonly string[]): Promise<readonly string[]> {
  if (part === undefined) return [join(folder, 'Cargo.toml')];
  if (!/[*?[]/.test(part)) return expand(join(folder, part), rest);
  const names = (await foldersIn(folder)).filter((name) => name !== 'target' && !name.startsWith('.'));
  const below = names.map((name) => (part === '**' ? expand(join(folder, name), [part, ...rest]) : expand(join(folder, name), rest)));
  const here = part === '**' ? await expand(folder, rest) : [];
  return [`${folder}/`, ...here, ...(await Promise.all(below)).flat()];
}

async function foldersIn(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
}

function texts(value: TomlValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
