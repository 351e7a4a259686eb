// A Cargo.toml without what only its own tests need, because cargo would want to resolve that too. Text in, text out.
import { parse, stringify } from 'smol-toml';
import type { TomlTable } from 'smol-toml';
import { cannotBecause } from '../../core/errors.ts';

const cut = ['dev-dependencies', 'bench', 'test', 'example'];

/** `path` is for the error of a text that is no TOML. */
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
