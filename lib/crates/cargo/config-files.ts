// The part of cargo's configuration that is read before cargo is started: the configuration files for a
// folder, which are those in it and its parents, those of CARGO_HOME, those on the command line and their
// includes. `cargo config get` returns their merged values. This module also selects the variables of the
// user's environment that cargo uses. All others are hidden from cargo.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import type { TomlTable, TomlValue } from 'smol-toml';
import { cannot } from '../../core/errors.ts';
import type { Project } from '../project.ts';

type Env = Readonly<Record<string, string>>;

/** A configuration file that exists. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

export function cargoHome(hostEnv: Env): string {
  return hostEnv['CARGO_HOME'] || join(hostEnv['HOME'] ?? '/', '.cargo');
}

/** Returns `dir` and all parent folders, the deepest first. */
export function foldersUp(dir: string): readonly string[] {
  return dir === dirname(dir) ? [dir] : [dir, ...foldersUp(dirname(dir))];
}

/** Returns every path at which cargo itself looks for configuration, whether it exists or not. */
export function configPlaces(dir: string, hostEnv: Env): readonly string[] {
  const folders = [cargoHome(hostEnv), ...foldersUp(dir).map((folder) => join(folder, '.cargo'))];
  return [...new Set(folders)].flatMap((folder) => [join(folder, 'config.toml'), join(folder, 'config')]);
}

/**
 * Returns the existing configuration files, including included ones, and the paths of included files that do
 * not exist.
 */
export function configFiles(
  { dir, cargoConfigs }: Pick<Project, 'dir' | 'cargoConfigs'>,
  hostEnv: Env,
): { readonly files: readonly ConfigFile[]; readonly absent: readonly string[] } {
  const files = new Map<string, ConfigFile>();
  const absent: string[] = [];
  const add = (path: string, included: boolean): void => {
    if (files.has(path)) return;
    const text = textOf(path);
    if (text === undefined) {
      if (included) absent.push(path);
      return;
    }
    files.set(path, { path, text });
    for (const include of includesOf(path, text)) add(include, true);
  };
  for (const path of [...cargoConfigs, ...configPlaces(dir, hostEnv)]) add(path, false);
  return { files: [...files.values()], absent };
}

/**
 * Whether a text may contain one of these keys. A key may be written with escapes, so a text with a backslash
 * may contain any key.
 */
export function mayName(text: string, ...keys: readonly string[]): boolean {
  return text.includes('\\') || keys.some((key) => text.includes(key));
}

/** Parses TOML as cargo does: a byte order mark and 64-bit integers are allowed. Throws the parser's error. */
export function parseToml(text: string): TomlTable {
  return parse(text, { integersAsBigInt: 'asNeeded' });
}

export function tableOf(value: TomlValue | undefined): TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date) ? value : {};
}

/**
 * Whether the configuration or a variable makes a nightly cargo compile the standard library. Reads files,
 * because it is called before every build.
 */
export function configuresBuildStd(project: Pick<Project, 'dir' | 'cargoConfigs'>, hostEnv: Env): boolean {
  if (hostEnv['CARGO_UNSTABLE_BUILD_STD'] !== undefined) return true;
  const { files } = configFiles(project, hostEnv);
  return files.some((file) => mayName(file.text, 'build-std') && tableOf(configTable(file)['unstable'])['build-std'] !== undefined);
}

function includesOf(path: string, text: string): readonly string[] {
  if (!mayName(text, 'include')) return [];
  const { include } = configTable({ path, text });
  const entries = include === undefined ? [] : Array.isArray(include) ? include : [include];
  const names = entries.map((entry) => (typeof entry === 'string' ? entry : tableOf(entry)['path']));
  return names.flatMap((name) => (typeof name === 'string' ? [resolve(dirname(path), name)] : []));
}

export function configTable({ path, text }: ConfigFile): TomlTable {
  try {
    return parseToml(text);
  } catch (error) {
    throw cannot(`read "${path}"`, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it is not TOML', { cause: error });
  }
}

function textOf(path: string): string | undefined {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined; // a folder, or unreadable: cargo's own error is better
  }
}

const heeded = new RegExp(
  `^(?:${[
    'RUSTFLAGS',
    'CARGO_ENCODED_RUSTFLAGS',
    'CARGO_BUILD_(?:RUSTFLAGS|TARGET|INCREMENTAL)',
    'CARGO_TARGET_.+_(?:RUSTFLAGS|LINKER)',
    'CARGO_PROFILE_.+',
    'CARGO_RESOLVER_.+',
    'CARGO_INCREMENTAL',
    'CI', // since 1.99 cargo compiles without incremental state if it is set
  ].join('|')})$`,
);

/**
 * Variables with programs that cargo would start in front of rustc. They are hidden from cargo, which would
 * start them on the host.
 */
const wrappers = ['RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER', 'CARGO_BUILD_RUSTC_WRAPPER', 'CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER'] as const;

/** Returns the variables for cargo, sorted by name. `nightly`: whether cargo uses CARGO_UNSTABLE_*. */
export function planningVariables(hostEnv: Env, nightly: boolean): Env {
  const names = Object.keys(hostEnv).filter((name) => heeded.test(name) || (nightly && name.startsWith('CARGO_UNSTABLE_')));
  return Object.fromEntries(names.sort().map((name) => [name, hostEnv[name] ?? '']));
}

const ofTests = /^(?:(?:CARGO_(?:ENCODED_|BUILD_|TARGET_.+_))?RUSTDOCFLAGS|CARGO_TARGET_.+_RUNNER)$/;

/** The variables that decide how tests are started, sorted by name. cargo does not plan by them. */
export function testVariables(hostEnv: Env): Env {
  const names = Object.keys(hostEnv).filter((name) => ofTests.test(name));
  return Object.fromEntries(names.sort().map((name) => [name, hostEnv[name] ?? '']));
}

/**
 * Returns the variables that may change how units are compiled: those of planning, those that name
 * wrappers, and those of tests.
 */
export function compilingVariables(hostEnv: Env): Env {
  const named = wrappers.flatMap((name) => (hostEnv[name] === undefined ? [] : [[name, hostEnv[name]] as const]));
  return { ...planningVariables(hostEnv, true), ...Object.fromEntries(named), ...testVariables(hostEnv) };
}

/**
 * Sets every variable that names a wrapper to the empty text, which disables wrappers in cargo, whatever its
 * configuration contains.
 */
export const noWrappers: Env = Object.fromEntries(wrappers.map((name) => [name, '']));

/**
 * Returns the name of a cargo variable for one target: "x86_64-unknown-none", "LINKER" ->
 * "CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER".
 */
export function targetVariable(triple: string, key: string): string {
  return `CARGO_TARGET_${triple.toUpperCase().replaceAll(/[-.]/g, '_')}_${key}`;
}
