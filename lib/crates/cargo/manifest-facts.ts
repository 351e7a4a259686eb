// What a manifest says for units and neither the unit graph nor the metadata repeats: cargo's unstable features, names of programs' files.
import { readFile } from 'node:fs/promises';
import { mayName, parseToml, tableOf } from './config-files.ts';

export interface ManifestFacts {
  /** `cargo-features`. */
  readonly features?: readonly string[];
  /** `filename` of [[bin]], by the program's name. */
  readonly filenames?: Readonly<Record<string, string>>;
}

/** Only a manifest with `cargo-features` says anything. */
export async function manifestFacts(manifestPath: string): Promise<ManifestFacts> {
  const text = await readFile(manifestPath, 'utf8');
  if (!mayName(text, 'cargo-features')) return {};
  const manifest = parseToml(text);
  const features = manifest['cargo-features'];
  const bins = Array.isArray(manifest['bin']) ? manifest['bin'].map(tableOf) : [];
  const filenames = bins.flatMap(({ name, filename }) =>
    typeof name === 'string' && typeof filename === 'string' ? [[name, filename] as const] : [],
  );
  return {
    ...(Array.isArray(features) ? { features: features.map(String) } : {}),
    ...(filenames.length > 0 ? { filenames: Object.fromEntries(filenames) } : {}),
  };
}
