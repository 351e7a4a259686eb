// Removes the parts of a Cargo.toml that only the crate's own tests need, because cargo would resolve them
// too. The function takes and returns text.
import { parse, stringify } from 'smol-toml';
import type { TomlTable } from 'smol-toml';
import { cannotBecause } from '../../core/errors.ts';

const cut = ['dev-dependencies', 'bench', 'test', 'example'];

/** `path` is for the error about a text that is not TOML. */
export function manifestWithoutTests(path: string, text: string): string {
  let manifest: TomlTable;
  try {
    manifest = parse(text);
  } catch (error) {
    throw cannotBecause(`edit "${path}"`, error);
  }
  for (const name of cut) delete manifest[name];
  for (const platform of Object.values(table(manifest['target']) ?? {})) delete table(platform)?.['dev-dependencies'];
  return stringify(manifest);
}

function table(value: unknown): TomlTable | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    ? (value as TomlTable)
    : undefined;
}
