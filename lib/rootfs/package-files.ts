// Maps the files of a Debian root file system to packages, from dpkg's own database in it, and returns that
// database without packages whose files are gone.
import { readFile } from 'node:fs/promises';
import { cannot } from '../core/errors.ts';
import type { Entry } from '../image/file-tree.ts';
import type { BaseRoot } from './base-root.ts';
import { fieldsOf } from '../sources/debian/debian-index.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** Names of packages in Pre-Depends and Depends: the first alternative that is installed. */
  readonly depends: readonly string[];
  /** Paths of its files and links in the root file system. Folders belong to no package. */
  readonly files: readonly string[];
}

export const statusPath = 'var/lib/dpkg/status';
const infoFolder = 'var/lib/dpkg/info';

/**
 * Folders that are links into usr/ in a merged root file system. Packages may still use them in the paths of
 * files.
 */
const merged = /^(bin|sbin|lib|lib32|lib64|libx32)\//;

/** Returns the packages of a root file system by name. */
export async function installedPackages(root: BaseRoot): Promise<ReadonlyMap<string, InstalledPackage>> {
  const status = await textOf(root, statusPath);
  const paragraphs = status.split('\n\n').map(fieldsOf);
  const names = new Map<string, string>();
  for (const fields of paragraphs) {
    const name = fields.get('Package');
    if (name === undefined) continue;
    names.set(name, name);
    for (const provided of (fields.get('Provides') ?? '').split(',')) {
      const word = /^\s*([^\s(]+)/.exec(provided)?.[1];
      if (word !== undefined && !names.has(word)) names.set(word, name);
    }
  }
  const found = new Map<string, InstalledPackage>();
  for (const fields of paragraphs) {
    const name = fields.get('Package');
    if (name === undefined || !fields.get('Status')?.endsWith(' installed')) continue;
    const version = fields.get('Version');
    if (version === undefined) throw cannot(`read "${statusPath}" of the base`, `its package "${name}" has no version`);
    const relations = [fields.get('Pre-Depends'), fields.get('Depends')].filter((value) => value !== undefined).join(',');
    const depends = relations.split(',').flatMap((alternatives) => {
      const candidates = alternatives.split('|').flatMap((one) => /^\s*([^\s(:]+)/.exec(one)?.[1] ?? []);
      const first = candidates.map((candidate) => names.get(candidate)).find((candidate) => candidate !== undefined);
      return first === undefined || first === name ? [] : [first];
    });
    const list = [`${infoFolder}/${name}.list`, `${infoFolder}/${name}:${fields.get('Architecture')}.list`].find((path) => root.has(path));
    const files =
      list === undefined
        ? []
        : (await textOf(root, list))
            .split('\n')
            .map(inRoot)
            .filter((path) => isFile(root.get(path)));
    found.set(name, { name, version, depends: [...new Set(depends)], files });
  }
  return found;
}

/** Returns the database's text without some packages. */
export function statusWithout(status: string, gone: ReadonlySet<string>): string {
  return status
    .split('\n\n')
    .filter((paragraph) => {
      const name = /^Package: (\S+)/m.exec(paragraph)?.[1];
      return name === undefined || !gone.has(name);
    })
    .join('\n\n');
}

/** Whether a file of dpkg's database belongs to a package. */
export function isAbout(path: string, name: string): boolean {
  return path.startsWith(`${infoFolder}/${name}.`) || path.startsWith(`${infoFolder}/${name}:`);
}

export async function textOf(root: BaseRoot, path: string): Promise<string> {
  const entry = root.get(path);
  if (entry?.kind !== 'file' || entry.content.kind !== 'host') throw cannot(`read "${path}" of the base`, 'it is not there');
  return await readFile(entry.content.path, 'utf8');
}

function inRoot(line: string): string {
  const path = line.replace(/^\/+/, '');
  return merged.test(path) ? `usr/${path}` : path;
}

function isFile(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.kind !== 'directory';
}
