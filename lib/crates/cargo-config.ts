// Cargo's merged configuration, as far as it reaches rustc: flags, the linker, variables. Of several places that could say a thing cargo
// takes one, or joins them; here is which. Pure.
import { dirname, join, relative, resolve } from 'node:path';
import { cannot } from '../core/errors.ts';
import { cfgHolds } from './cfg-expression.ts';

export interface CargoConfig {
  readonly build?: { readonly rustflags?: Words };
  /** By triple or `cfg(...)`. */
  readonly target?: Readonly<Record<string, TargetConfig>>;
  readonly env?: Readonly<Record<string, string | ConfigVariable>>;
  readonly profile?: Readonly<Record<string, { readonly inherits?: string }>>;
}

type Words = readonly string[] | string;

interface TargetConfig {
  readonly rustflags?: Words;
  readonly linker?: string;
}

interface ConfigVariable {
  readonly value: string;
  readonly force?: boolean;
  /** The value is a path from the folder that holds the configuration's own. */
  readonly relative?: boolean;
}

/** The flags for a target: those of its triple and of the conditions that hold for it, in cargo's order; else those for every target. */
export function rustflagsOf(config: CargoConfig, triple: string, cfgs: readonly string[]): readonly string[] {
  const flags = tablesFor(config, triple, cfgs).flatMap(({ rustflags }) => wordsOf(rustflags));
  return flags.length > 0 ? flags : wordsOf(config.build?.rustflags);
}

/** The linker that is named for a target. Two conditions that name one are a Failure, as they are for cargo. */
export function linkerOf(config: CargoConfig, triple: string, cfgs: readonly string[]): string | undefined {
  const own = config.target?.[triple]?.linker;
  const named = tablesFor(config, triple, cfgs).flatMap(({ linker }) => linker ?? []);
  if (own === undefined && named.length > 1) {
    throw cannot(
      'choose a linker',
      `several conditions of the configuration hold for ${triple}: ${named.map((name) => `"${name}"`).join(', ')}`,
    );
  }
  return own ?? named[0];
}

/** A variable of the configuration counts unless the person declared it; with `force` it counts before the person's. */
export function configEnvOf(
  config: CargoConfig,
  declared: Readonly<Record<string, string>>,
): { readonly env: Readonly<Record<string, string>>; readonly forced: readonly string[] } {
  const env: Record<string, string> = {};
  const forced: string[] = [];
  for (const [name, entry] of Object.entries(config.env ?? {})) {
    const { value, force = false } = typeof entry === 'string' ? { value: entry } : entry;
    if (declared[name] !== undefined && !force) continue;
    if (declared[name] !== undefined) forced.push(name);
    env[name] = value;
  }
  return { env, forced };
}

/**
 * Makes the values of relative variables absolute. `origins` is what `cargo config get env --show-origin` printed: lines of
 * `env.NAME.value = "..." # FILE`; a value counts from the folder above FILE's.
 */
export function withAbsoluteEnv(config: CargoConfig, origins: string): CargoConfig {
  const folders = new Map(
    [...origins.matchAll(/^env\.(\S+)\.value = .* # (.+)$/gm)].map(([, name = '', file = '']) => [name, dirname(dirname(file))]),
  );
  const env = Object.entries(config.env ?? {}).map(([name, entry]) => {
    const folder = folders.get(name);
    const isPath = typeof entry === 'object' && entry.relative === true && folder !== undefined;
    return [name, isPath ? { ...entry, value: join(folder, entry.value) } : entry] as const;
  });
  return { ...config, env: Object.fromEntries(env) };
}

/** Relative variables, absolute by now, as paths from the workspace: all checkouts agree on them. */
export function withPortableEnv(config: CargoConfig, workspaceRoot: string): CargoConfig {
  return withEnvPaths(config, (path) => relative(workspaceRoot, path) || '.');
}

/** Relative variables, portable so far, as paths that the actions see. `placeOf` maps a path of the host to its place. */
export function withPlacedEnv(config: CargoConfig, workspaceRoot: string, placeOf: (path: string) => string): CargoConfig {
  return withEnvPaths(config, (path) => placeOf(resolve(workspaceRoot, path)));
}

function withEnvPaths(config: CargoConfig, change: (path: string) => string): CargoConfig {
  const env = Object.entries(config.env ?? {}).map(([name, entry]) => {
    const isPath = typeof entry === 'object' && entry.relative === true;
    return [name, isPath ? { ...entry, value: change(entry.value) } : entry] as const;
  });
  return { ...config, env: Object.fromEntries(env) };
}

export function hasRelativeEnv({ env }: CargoConfig): boolean {
  return Object.values(env ?? {}).some((entry) => typeof entry === 'object' && entry.relative === true);
}

/** The tables that hold for a target: its own, then those with a condition, sorted as cargo sorts them. */
function tablesFor(config: CargoConfig, triple: string, cfgs: readonly string[]): readonly TargetConfig[] {
  const { [triple]: own, ...others } = config.target ?? {};
  const conditional = Object.entries(others)
    .filter(([key]) => key.startsWith('cfg('))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([key]) => cfgHolds(key, cfgs));
  return [...(own ? [own] : []), ...conditional.map(([, table]) => table)];
}

function wordsOf(words: Words | undefined): readonly string[] {
  if (words === undefined) return [];
  return typeof words === 'string' ? words.split(/\s+/).filter((word) => word !== '') : words;
}
