// Which workspace a package belongs to, as cargo finds it: the package's own manifest, what `package.workspace` points to, or the nearest manifest
// above with [workspace] that does not exclude it. `cargo locate-project --workspace` is the reference.
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { TomlTable, TomlValue } from 'smol-toml';
import { foldersUp, mayName, parseToml, tableOf } from './config-files.ts';

/** The absolute folder of the workspace of the package in `dir`; `dir` itself where it has none or its manifest cannot be read. */
export function workspaceRootOf(dir: string, cargoHome: string): string {
  const own = manifestIn(dir);
  if (!own || own['workspace'] !== undefined) return dir;
  const pointer = tableOf(own['package'])['workspace'];
  if (typeof pointer === 'string') return resolve(dir, pointer);
  for (const folder of foldersUp(dirname(dir))) {
    if (folder === cargoHome) return dir; // what is above cargo's own folder is no workspace of what it downloaded
    const above = manifestIn(folder);
    if (!above) continue;
    const workspace = above['workspace'];
    if (workspace === undefined) {
      const further = tableOf(above['package'])['workspace'];
      if (typeof further === 'string') return resolve(folder, further);
    } else if (!excludes(tableOf(workspace), folder, dir)) return folder;
  }
  return dir;
}

/** An excluded package is a member all the same where `members` names it or a folder above it. */
function excludes(workspace: TomlTable, root: string, dir: string): boolean {
  const around = (value: TomlValue | undefined): boolean =>
    Array.isArray(value) && value.some((path) => typeof path === 'string' && !relative(resolve(root, path), dir).startsWith('..'));
  return around(workspace['exclude']) && !around(workspace['members']);
}

/** Only what may matter is parsed: a manifest without either word is one without a workspace. */
function manifestIn(folder: string): TomlTable | undefined {
  try {
    const text = readFileSync(join(folder, 'Cargo.toml'), 'utf8');
    return mayName(text, 'workspace') ? parseToml(text) : {};
  } catch {
    return undefined; // there is none, or cargo says better what is wrong with it
  }
}
