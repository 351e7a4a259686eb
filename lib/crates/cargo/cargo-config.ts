// Cargo's merged configuration, as far as it affects rustc: flags, the linker, wrappers, variables,
// overridden build scripts. If several places have a value, cargo takes one or joins them. This module
// implements its rules. Pure.
import { dirname, join, resolve } from 'node:path';
import { cannot } from '../../core/errors.ts';
import { targetVariable } from './config-files.ts';
import { placeOfHostPath } from '../unit/places.ts';
import type { ConfigPath, OwnTrees } from '../unit/places.ts';

export interface CargoConfig {
  readonly build?: BuildConfig;
  /** By triple or `cfg(...)`. */
  readonly target?: Readonly<Record<string, TargetConfig>>;
  readonly env?: Readonly<Record<string, string | ConfigVariable>>;
  readonly profile?: Readonly<Record<string, { readonly inherits?: string }>>;
  readonly unstable?: Readonly<Record<string, unknown>>;
}

interface BuildConfig {
  readonly rustflags?: Words;
  readonly rustdocflags?: Words;
  readonly target?: Words;
  readonly 'rustc-wrapper'?: ConfigPath;
  readonly 'rustc-workspace-wrapper'?: ConfigPath;
}

type Words = readonly string[] | string;

interface TargetConfig {
  readonly rustflags?: Words;
  readonly rustdocflags?: Words;
  readonly linker?: ConfigPath;
  /** With `file`: an absolute path in place of one that is relative to the configuration's folder. */
  readonly runner?: Words | { readonly file: string; readonly args: readonly string[] };
}

/** What programs of a target are started by, and the words in front of theirs. */
export interface Runner {
  readonly program: ConfigPath;
  readonly args: readonly string[];
}

interface ConfigVariable {
  readonly value?: string;
  /** The absolute path of a relative value, which replaces it. */
  readonly file?: string;
  readonly force?: boolean;
  /** Whether the value is relative to the parent folder of the configuration's folder. */
  readonly relative?: boolean;
}

/**
 * Whether a value may be a configuration: an object whose tables are objects. Cargo has checked their
 * contents.
 */
export function isCargoConfig(value: unknown): value is CargoConfig {
  const isTable = (one: unknown): one is object => typeof one === 'object' && one !== null && !Array.isArray(one);
  const tables = ['build', 'target', 'env', 'profile', 'unstable'];
  return isTable(value) && Object.entries(value).every(([name, table]) => !tables.includes(name) || isTable(table));
}

type Env = Readonly<Record<string, string>>;

/**
 * Returns the flags for a target: those of its triple and of the conditions that are true for it, in cargo's
 * order; otherwise those for every target. `variables` are the user's: CARGO_ENCODED_RUSTFLAGS and RUSTFLAGS
 * replace all other flags, even if they are empty.
 */
export function rustflagsOf(config: CargoConfig, triple: string, cfgs: readonly string[], variables: Env): readonly string[] {
  return flagsOf('rustflags', config, [triple, cfgs], variables);
}

/** The flags of rustdoc for a target, by the same rules, from RUSTDOCFLAGS and the keys of that name. */
export function rustdocflagsOf(config: CargoConfig, triple: string, cfgs: readonly string[], variables: Env): readonly string[] {
  return flagsOf('rustdocflags', config, [triple, cfgs], variables);
}

function flagsOf(
  key: 'rustflags' | 'rustdocflags',
  config: CargoConfig,
  [triple, cfgs]: readonly [triple: string, cfgs: readonly string[]],
  variables: Env,
): readonly string[] {
  const name = key.toUpperCase();
  const [encoded, plain] = [variables[`CARGO_ENCODED_${name}`], variables[name]];
  if (encoded !== undefined) return encoded === '' ? [] : encoded.split('\x1f');
  if (plain !== undefined) return wordsOf(plain);
  const [own, ...conditional] = tablesFor(config, triple, cfgs);
  const flags = [
    ...wordsOf(own?.[key]),
    ...wordsOf(variables[targetVariable(triple, name)]),
    ...conditional.flatMap((table) => wordsOf(table[key])),
  ];
  return flags.length > 0 ? flags : [...wordsOf(config.build?.[key]), ...wordsOf(variables[`CARGO_BUILD_${name}`])];
}

/**
 * Returns the linker for a target. If two conditions name one, that is a Failure, as in cargo. A variable's
 * path is relative to `cwd`.
 */
export function linkerOf(
  config: CargoConfig,
  triple: string,
  cfgs: readonly string[],
  variables: Env,
  cwd: string,
): ConfigPath | undefined {
  const named = variables[targetVariable(triple, 'LINKER')];
  if (named) return fromVariable(named, cwd);
  const [own, ...conditional] = tablesFor(config, triple, cfgs);
  if (own?.linker !== undefined) return own.linker;
  return onlyOne(
    'choose a linker',
    triple,
    conditional.flatMap(({ linker }) => linker ?? []),
    pathText,
  );
}

/**
 * What programs of a target are started by, by the same rules as its linker. Its words are separated by spaces where it is a text. One without a word
 * is a Failure.
 */
export function runnerOf(config: CargoConfig, triple: string, cfgs: readonly string[], variables: Env, cwd: string): Runner | undefined {
  const [named, key] = [variables[targetVariable(triple, 'RUNNER')], 'choose a runner'];
  const [own, ...conditional] = tablesFor(config, triple, cfgs);
  const found = (): TargetConfig['runner'] =>
    own?.runner ??
    onlyOne(
      key,
      triple,
      conditional.flatMap(({ runner }) => (runner === undefined ? [] : [runner])),
      runnerText,
    );
  const runner = named ?? found();
  if (runner === undefined) return undefined;
  if (typeof runner === 'object' && 'file' in runner) return { program: { file: runner.file }, args: runner.args };
  const [program, ...args] = wordsOf(runner);
  if (program === undefined) throw cannot(key, `the one that is named for ${triple} has no word`);
  return { program: named === undefined ? program : fromVariable(program, cwd), args };
}

function runnerText(runner: NonNullable<TargetConfig['runner']>): string {
  return typeof runner === 'object' && 'file' in runner ? [runner.file, ...runner.args].join(' ') : wordsOf(runner).join(' ');
}

/** The one value of the conditions that hold. Several are a Failure. */
function onlyOne<T>(what: string, triple: string, values: readonly T[], text: (value: T) => string): T | undefined {
  const [first, other] = values;
  if (other === undefined) return first;
  const named = values.map((value) => `"${text(value)}"`).join(', ');
  throw cannot(what, `several conditions of the configuration hold for ${triple}: ${named}`);
}

/**
 * Returns the programs that cargo starts in front of rustc, the outermost first: for every package, and for
 * members of the workspace.
 */
export function wrappersOf(
  { build = {} }: CargoConfig,
  hostEnv: Env,
  cwd: string,
): { readonly all: ConfigPath | undefined; readonly members: ConfigPath | undefined } {
  const wrapper = (name: string, configured: ConfigPath | undefined): ConfigPath | undefined => {
    const given = hostEnv[name] ?? hostEnv[`CARGO_BUILD_${name}`];
    const chosen = given === undefined ? configured : fromVariable(given, cwd);
    return chosen === '' ? undefined : chosen;
  };
  return {
    all: wrapper('RUSTC_WRAPPER', build['rustc-wrapper']),
    members: wrapper('RUSTC_WORKSPACE_WRAPPER', build['rustc-workspace-wrapper']),
  };
}

/** Whether the configuration names the targets of the build. */
export function namesTargets({ build }: CargoConfig, variables: Env): boolean {
  return Boolean(variables['CARGO_BUILD_TARGET']) || wordsOf(build?.target).length > 0;
}

/**
 * Returns the variables of the configuration. The user's declared variables override them, except for those
 * with `force`.
 */
export function configEnvOf(
  config: CargoConfig,
  declared: Env,
  trees: Pick<OwnTrees, 'common'>,
): { readonly env: Env; readonly forced: readonly string[] } {
  const env: Record<string, string> = {};
  const forced: string[] = [];
  for (const [name, entry] of Object.entries(config.env ?? {})) {
    const { value = '', file, force = false } = typeof entry === 'string' ? { value: entry } : entry;
    if (declared[name] !== undefined && !force) continue;
    if (declared[name] !== undefined) forced.push(name);
    env[name] = file === undefined ? value : placeOfHostPath(file, trees);
  }
  return { env, forced };
}

/**
 * Makes relative paths absolute. `origins` is the output of `cargo config get --show-origin`: lines of `KEY =
 * "..." # FILE`, and for a list a line for each item. A path is relative to the folder above FILE's.
 */
export function withAbsolutePaths(config: CargoConfig, origins: string): CargoConfig {
  const folders = new Map(
    [...origins.matchAll(/^(\S.*?) = (?:\[\n)?.* # (\/.+)$/gm)].map(([, key = '', file = '']) => [key, dirname(dirname(file))]),
  );
  const absolute = (keys: readonly string[], path: string): string | undefined => {
    const folder = keys.map((key) => folders.get(key)).find((found) => found !== undefined);
    return folder === undefined ? undefined : resolve(folder, path);
  };
  const program = (keys: readonly string[], path: ConfigPath | undefined): ConfigPath | undefined => {
    if (typeof path !== 'string' || !isRelative(path)) return path;
    const file = absolute(keys, path);
    return file === undefined ? path : { file };
  };
  const env = Object.entries(config.env ?? {}).map(([name, entry]) => {
    if (typeof entry === 'string' || entry.relative !== true) return [name, entry] as const;
    const file = absolute(spellings('env', name, 'value'), entry.value ?? '');
    return [name, file === undefined ? entry : { file, force: entry.force ?? false }] as const;
  });
  const target = Object.entries(config.target ?? {}).map(([name, table]) => {
    const linker = program(spellings('target', name, 'linker'), table.linker);
    const [word, ...args] = runnerWords(table);
    const runner = word === undefined ? undefined : program(spellings('target', name, 'runner'), word);
    const started = typeof runner === 'object' ? { runner: { file: runner.file, args } } : {};
    return [name, { ...table, ...(linker === undefined ? {} : { linker }), ...started }] as const;
  });
  const wrappers = (['rustc-wrapper', 'rustc-workspace-wrapper'] as const).flatMap((key) => {
    const path = program([`build.${key}`], config.build?.[key]);
    return path === undefined ? [] : [[key, path] as const];
  });
  return {
    ...config,
    ...(config.env ? { env: Object.fromEntries(env) } : {}),
    ...(config.target ? { target: Object.fromEntries(target) } : {}),
    ...(config.build ? { build: { ...config.build, ...Object.fromEntries(wrappers) } } : {}),
  };
}

export function hasRelativePaths({ env, target, build }: CargoConfig): boolean {
  const programs = [
    ...Object.values(target ?? {}).flatMap((table) => [table.linker, runnerWords(table)[0]]),
    build?.['rustc-wrapper'],
    build?.['rustc-workspace-wrapper'],
  ];
  return (
    Object.values(env ?? {}).some((entry) => typeof entry === 'object' && entry.relative === true) ||
    programs.some((path) => typeof path === 'string' && isRelative(path))
  );
}

/** The words of a runner as cargo printed it. */
function runnerWords({ runner }: TargetConfig): readonly string[] {
  return typeof runner === 'object' && 'file' in runner ? [] : wordsOf(runner);
}

/**
 * Returns the table of the triple, or an empty one, then those with a condition that is true, in cargo's
 * order.
 */
function tablesFor(config: CargoConfig, triple: string, cfgs: readonly string[]): readonly TargetConfig[] {
  const { [triple]: own, ...others } = config.target ?? {};
  const conditional = Object.entries(others)
    .filter(([key]) => key.startsWith('cfg('))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([key]) => cfgHolds(key, cfgs));
  return [own ?? {}, ...conditional.map(([, table]) => table)];
}

/** Returns the spellings that cargo may use for a key of three parts. The second part is quoted if necessary. */
function spellings(table: string, name: string, key: string): readonly string[] {
  return [name, JSON.stringify(name), `'${name}'`].map((spelling) => `${table}.${spelling}.${key}`);
}

/** Whether a program is a path, which contains a slash. Other programs are searched for in PATH. */
function isRelative(path: string): boolean {
  return path.includes('/') && !path.startsWith('/');
}

function fromVariable(path: string, cwd: string): ConfigPath {
  return isRelative(path) ? { file: join(cwd, path) } : path;
}

function pathText(path: ConfigPath): string {
  return typeof path === 'string' ? path : path.file;
}

function wordsOf(words: Words | undefined): readonly string[] {
  if (words === undefined) return [];
  return typeof words === 'string' ? words.split(/\s+/).filter((word) => word !== '') : words;
}

const overrideLists: ReadonlySet<string> = new Set([
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
const notOverridden: ReadonlySet<string> = new Set(['warning', 'rerun-if-changed', 'rerun-if-env-changed']);

/**
 * Returns the lines that replace a build script's output, or undefined if the configuration does not override
 * the script.
 */
export function overrideOf(config: CargoConfig, triple: string, links: string | undefined): readonly string[] | undefined {
  const tables = config.target?.[triple] as Readonly<Record<string, unknown>> | undefined;
  const table = links === undefined ? undefined : tables?.[links];
  if (typeof table !== 'object' || table === null) return undefined;
  return Object.entries(table).flatMap(([key, value]: [string, unknown]): readonly string[] => {
    const name = `target.${triple}.${links}.${key}`;
    if (notOverridden.has(key)) throw cannot('read the configuration', `"${name}" is not supported in an override of a build script`);
    if (key === 'rustc-env')
      return Object.entries(value ?? {}).map(([variable, text]) => `cargo:rustc-env=${variable}=${overrideText(text, name)}`);
    const values = overrideLists.has(key) && Array.isArray(value) ? value : [value];
    return values.map((one: unknown) => `cargo:${key}=${overrideText(one, name)}`);
  });
}

function overrideText(value: unknown, name: string): string {
  if (['string', 'number', 'boolean'].includes(typeof value) && !String(value).includes('\n')) return String(value);
  throw cannot('read the configuration', `"${name}" must be a text of one line`);
}

/**
 * Whether `cfg(...)` is true if `cfgs` are set (`unix`, `target_os="linux"`). An invalid expression is a
 * Failure.
 */
export function cfgHolds(text: string, cfgs: readonly string[]): boolean {
  const set = new Set(cfgs);
  const refuse = (why: string): Error => cannot(`read the configuration of cargo`, `"${text}" is no condition: ${why}`);
  const words = [...text.matchAll(/"[^"]*"|[A-Za-z_][\w-]*|[(),=]|\S/g)].map(([word]) => word);
  let at = 0;
  const take = (wanted?: string): string => {
    const word = words[at++];
    if (word === undefined) throw refuse('it ends too early');
    if (wanted !== undefined && word !== wanted) throw refuse(`expected "${wanted}", found "${word}"`);
    return word;
  };
  const list = (): readonly boolean[] => {
    const values: boolean[] = [];
    take('(');
    while (words[at] !== ')') {
      values.push(value());
      if (words[at] !== ')') take(',');
    }
    take(')');
    return values;
  };
  const value = (): boolean => {
    const name = take();
    if (!/^[A-Za-z_]/.test(name)) throw refuse(`expected a name, found "${name}"`);
    if (words[at] === '(') {
      const values = list();
      if (name === 'all') return values.every(Boolean);
      if (name === 'any') return values.some(Boolean);
      if (name === 'not' && values.length === 1) return values[0] === false;
      throw refuse(`"${name}(...)" is not known`);
    }
    if (words[at] !== '=') return name === 'true' || (name !== 'false' && set.has(name));
    take('=');
    const wanted = take();
    if (!wanted.startsWith('"')) throw refuse(`expected a text in quotes, found "${wanted}"`);
    return set.has(`${name}=${wanted}`);
  };
  take('cfg');
  const values = list();
  if (values.length !== 1 || at < words.length) throw refuse('expected one condition');
  return values[0] === true;
}
