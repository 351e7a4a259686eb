// Changes to a Cargo.toml that a source needs before cargo resolves it here: what only its own tests need is cut, because cargo would want to
// resolve it, and values are set by dotted keys. Text in, text out.
import { parse, stringify } from 'smol-toml';
import type { TomlTable } from 'smol-toml';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { ManifestValue } from './source-facts.ts';

/** Tables that only the project's own tests and benchmarks need. */
const cut = ['dev-dependencies', 'bench', 'test', 'example'];

/** The manifest without what its tests need, with `set` (dotted key -> value, undefined removes). A key whose table is not there is a Failure. */
export function editedManifest(path: string, text: string, set: Readonly<Record<string, ManifestValue | undefined>> = {}): string {
  let manifest: TomlTable;
  try {
    manifest = parse(text);
  } catch (error) {
    throw cannotBecause(`edit "${path}"`, error);
  }
  for (const name of cut) delete manifest[name];
  for (const platform of Object.values(table(manifest['target']) ?? {})) delete table(platform)?.['dev-dependencies'];
  for (const [key, value] of Object.entries(set)) setKey(path, manifest, key, value);
  return stringify(manifest);
}

function setKey(path: string, manifest: TomlTable, key: string, value: ManifestValue | undefined): void {
  const words = key.split('.');
  const last = words.pop() ?? '';
  let within: TomlTable = manifest;
  for (const word of words) {
    const next = table(within[word]);
    if (!next) throw cannot(`set "${key}" in "${path}"`, `there is no "${word}"`);
    within = next;
  }
  if (value === undefined) {
    if (!(last in within)) throw cannot(`remove "${key}" from "${path}"`, 'it is not there');
    delete within[last];
  } else {
    within[last] = value as TomlTable[string];
  }
}

function table(value: unknown): TomlTable | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    ? (value as TomlTable)
    : undefined;
}
