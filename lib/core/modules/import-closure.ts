// Everything that has to be copied with a module: the modules that it imports, including types, files that
// are read from the folder of a module, and imported packages.
import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { join } from 'node:path';
import { byCodeUnit } from '../digest.ts';
import { absentAsUndefined, cannot } from '../errors.ts';
import { importsOf } from './source-text.ts';

export interface ImportClosure {
  /** Relative to the root, sorted. */
  readonly files: readonly string[];
  /** Names of packages, sorted. */
  readonly packages: readonly string[];
  /** Number of lines of all modules. */
  readonly lines: number;
}

export interface ClosureOptions {
  /** Whether to follow imports of types too (the default). Without them, the closure is what Node loads. */
  readonly types?: boolean;
}

/** Returns the closure of modules, by paths relative to `root`. A missing module is a Failure. */
export async function importClosure(
  root: string,
  entries: readonly string[],
  { types = true }: ClosureOptions = {},
): Promise<ImportClosure> {
  const files = new Set(entries);
  const packages = new Set<string>();
  let lines = 0;
  for (const path of files) {
    if (!path.endsWith('.ts')) continue;
    const text = await absentAsUndefined(readFile(join(root, path), 'utf8'));
    if (text === undefined) throw cannot(`find what "${path}" needs`, 'it is not there');
    lines += text.split('\n').length - 1;
    for (const { name, typeOnly } of importsOf(text)) {
      if (typeOnly && !types) continue;
      // Iteration over a set includes entries that are added during it.
      if (name.startsWith('.')) files.add(posix.join(posix.dirname(path), name));
      else if (!name.startsWith('node:')) packages.add(packageOf(name));
    }
    for (const beside of await readBeside(root, path, text)) files.add(beside);
  }
  return { files: [...files].sort(byCodeUnit), packages: [...packages].sort(byCodeUnit), lines };
}

/**
 * Returns files in the folder of a module whose names the module contains as strings: sources in C, scripts,
 * and modules that are started as threads.
 */
async function readBeside(root: string, path: string, text: string): Promise<readonly string[]> {
  if (!text.includes('import.meta')) return [];
  const folder = posix.dirname(path);
  const there = await readdir(join(root, folder), { withFileTypes: true });
  const names = new Set([...text.matchAll(/'(?:\.\/)?([\w-]+\.(?:c|h|sh|ts|toml))'/g)].map((match) => match[1]));
  return there.filter((entry) => entry.isFile() && names.has(entry.name)).map(({ name }) => posix.join(folder, name));
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}
