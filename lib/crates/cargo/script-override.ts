// Build scripts that the configuration overrides: [target.TRIPLE.LINKS] has what the script of the package with this `links` would print, and cargo
// does not run it. Format: The Cargo Book, "Build Scripts: Overriding Build Scripts". Pure.
import { cannot } from '../../core/errors.ts';
import type { CargoConfig } from './cargo-config.ts';

const lists: ReadonlySet<string> = new Set([
  'rustc-link-lib',
  'rustc-link-search',
  'rustc-link-arg',
  'rustc-link-arg-bins',
  'rustc-link-arg-tests',
  'rustc-link-arg-benches',
  'rustc-link-arg-examples',
  'rustc-link-arg-cdylib',
  'rustc-cdylib-link-arg',
  'rustc-cfg',
  'rustc-check-cfg',
]);
const refused: ReadonlySet<string> = new Set(['warning', 'rerun-if-changed', 'rerun-if-env-changed']);

/** The lines in place of a build script's output; undefined if the configuration does not override the script. */
export function overrideOf(config: CargoConfig, triple: string, links: string | undefined): readonly string[] | undefined {
  const tables = config.target?.[triple] as Readonly<Record<string, unknown>> | undefined;
  const table = links === undefined ? undefined : tables?.[links];
  if (typeof table !== 'object' || table === null) return undefined;
  return Object.entries(table).flatMap(([key, value]: [string, unknown]): readonly string[] => {
    const name = `target.${triple}.${links}.${key}`;
    if (refused.has(key)) throw cannot('read the configuration', `"${name}" is not supported in an override of a build script`);
    if (key === 'rustc-env')
      return Object.entries(value ?? {}).map(([variable, text]) => `cargo:rustc-env=${variable}=${textOf(text, name)}`);
    const values = lists.has(key) && Array.isArray(value) ? value : [value];
    return values.map((one: unknown) => `cargo:${key}=${textOf(one, name)}`);
  });
}

function textOf(value: unknown, name: string): string {
  if (['string', 'number', 'boolean'].includes(typeof value) && !String(value).includes('\n')) return String(value);
  throw cannot('read the configuration', `"${name}" must be a text of one line`);
}
