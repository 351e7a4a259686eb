// Vendored packages that a lock file names and `cargo metadata` leaves out, because only features that are not turned on need them. Cargo resolves them
// all the same, so a source that takes the place of the vendored one must have them.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import type { Package } from './package.ts';

/** Their folders by "<name>-<version>". They are looked for next to `known` packages: `cargo vendor` names a folder with or without the version. */
export async function lockedPackages(workspaceRoot: string, known: readonly Package[]): Promise<ReadonlyMap<string, string>> {
  const there = new Set(known.map(({ name, version }) => `${name}-${version}`));
  const folders = [...new Set(known.map(({ dir }) => dirname(dir)))];
  const found = new Map<string, string>();
  for (const { name, version } of await lockedIn(join(workspaceRoot, 'Cargo.lock'))) {
    if (there.has(`${name}-${version}`)) continue;
    const names = [`${name}-${version}`, `${name}-${version.split('+')[0]}`, name];
    for (const folder of folders.flatMap((one) => names.map((word) => join(one, word)))) {
      if (!(await isVendored(folder, version))) continue;
      found.set(`${name}-${version}`, folder);
      break;
    }
  }
  return found;
}

/** The packages of a lock file that come from elsewhere; none where there is no file yet. */
async function lockedIn(path: string): Promise<readonly { readonly name: string; readonly version: string }[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const { package: packages } = parse(text);
  if (!Array.isArray(packages)) return [];
  return packages.flatMap((one) => {
    if (typeof one !== 'object' || one instanceof Date || Array.isArray(one)) return [];
    const { name, version, source } = one;
    return typeof name === 'string' && typeof version === 'string' && source !== undefined ? [{ name, version }] : [];
  });
}

async function isVendored(folder: string, version: string): Promise<boolean> {
  const [manifest, checksum] = await Promise.all(
    ['Cargo.toml', '.cargo-checksum.json'].map((name) => readFile(join(folder, name), 'utf8').catch(() => undefined)),
  );
  if (manifest === undefined || checksum === undefined) return false;
  return /^\s*version\s*=\s*"([^"]*)"/m.exec(manifest)?.[1] === version;
}
