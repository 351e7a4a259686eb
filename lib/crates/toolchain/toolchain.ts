// Finds installed Rust toolchains: rustup's in its folder, and rustc from a distribution in PATH. Their own
// programs are used and never rustup's proxies, which obey the project's rust-toolchain file and access the
// network. choice.ts chooses the toolchain of a project.
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { byCodeUnit } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { isTable, isText } from '../../core/stored-values.ts';
import { outputOf, run } from '../../core/sh.ts';
import { pathOf } from '../../core/paths.ts';

export interface Toolchain {
  /** rustup's name ("nightly-x86_64-unknown-linux-gnu"), or the path of a rustc that rustup does not manage. */
  readonly name: string;
  /** 'cache': unpacked into the cache by doctor --install, and not installed on the host. */
  readonly origin: 'rustup' | 'path' | 'cache';
  readonly sysroot: string;
  readonly cargo: string;
  readonly rustc: string;
  readonly rustdoc?: string;
  /** "1.97.0-nightly". */
  readonly release: string;
  readonly commitHash: string;
  /** The triple that it runs on. */
  readonly host: string;
  /** The output of `rustc -vV`. */
  readonly verbose: string;
  /** Whether its cargo does unstable things unasked. That of Debian does, next to a stable rustc: its build names no channel. */
  readonly unstableCargo: boolean;
}

/** Where toolchains are searched for, and where data about them are memoized. */
export interface ToolchainSearch {
  /** The user's environment: PATH, HOME, RUSTUP_HOME are read. */
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** Another cache whose toolchains are used: the user's own. */
  readonly otherCacheDir?: string | undefined;
}

/**
 * Returns "1.97" for "1.97.0-nightly". A standard library is compatible with a compiler of the same minor
 * version.
 */
export function minorOf(release: string): string {
  return /^\d+\.\d+/.exec(release)?.[0] ?? release;
}

/** Compares two releases. The text after the three numbers ("-nightly") is ignored. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [a, b].map((release) => release.split(/[.-]/).slice(0, 3).map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0);
    if (difference) return difference; // not for NaN: parts that are not numbers are equal
  }
  return 0;
}

/**
 * Whether it can link programs without an operating system. rustc needs a program named rust-lld for that,
 * which rustup's toolchains have. Debian's rustc has it only with a further package.
 */
export function hasBareLinker({ sysroot, host }: Pick<Toolchain, 'sysroot' | 'host'>): boolean {
  return existsSync(join(sysroot, 'lib/rustlib', host, 'bin/rust-lld')) || existsSync('/usr/bin/rust-lld');
}

/** Whether its rustc allows unstable features by default. */
export function isNightly({ release }: Pick<Toolchain, 'release'>): boolean {
  return /nightly|dev/.test(release);
}

export function rustupHome(env: Readonly<Record<string, string>>): string {
  return env['RUSTUP_HOME'] || join(env['HOME'] ?? '/', '.rustup');
}

/** Returns the folder for toolchains that doctor --install unpacks. */
export function keptToolchainsFolder(cacheDir: string): string {
  return join(cacheDir, 'toolchains');
}

/**
 * Returns every toolchain with both rustc and cargo: rustup's sorted by name, those in PATH, then those in
 * the cache. The list may be empty.
 */
export async function listToolchains(search: ToolchainSearch, context: Context): Promise<readonly Toolchain[]> {
  const home = join(rustupHome(search.env), 'toolchains');
  const names = (await readdir(home).catch(() => [])).sort(byCodeUnit);
  const managed = await Promise.all(names.map((name) => toolchainAt(join(home, name), name, 'rustup', search, context)));
  const bins = await systemBins(pathOf(search.env));
  const others = await Promise.all(bins.map((bin) => toolchainOnPath(bin, search, context)));
  const caches = new Set([search.cacheDir, ...(search.otherCacheDir === undefined ? [] : [search.otherCacheDir])]);
  const kept = await Promise.all([...caches].map((cacheDir) => keptToolchains(cacheDir, search, context)));
  return [...managed, ...others, ...kept.flat()].filter((toolchain) => toolchain !== undefined);
}

/** Folders that are being filled have a name that begins with a dot. */
async function keptToolchains(cacheDir: string, search: ToolchainSearch, context: Context): Promise<readonly (Toolchain | undefined)[]> {
  const folder = keptToolchainsFolder(cacheDir);
  const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.')).sort(byCodeUnit);
  return Promise.all(names.map((name) => toolchainAt(join(folder, name), name, 'cache', search, context)));
}

/** Returns a toolchain by its folder, which must contain bin/rustc and bin/cargo, or undefined. */
export async function toolchainAt(
  folder: string,
  name: string,
  origin: Toolchain['origin'],
  search: ToolchainSearch,
  context: Context,
): Promise<Toolchain | undefined> {
  const [rustc, cargo, rustdoc] = await Promise.all(['rustc', 'cargo', 'rustdoc'].map((program) => existing(join(folder, 'bin', program))));
  if (!rustc || !cargo) return undefined;
  const about = await aboutToolchain(rustc, cargo, search, context);
  return { name, origin, cargo, rustc, ...(rustdoc ? { rustdoc } : {}), ...about };
}

/** Names of toolchains; `overrides` by the folder that they are for. */
export interface RustupSettings {
  readonly defaultName?: string;
  readonly overrides: Readonly<Record<string, string>>;
}

/** Returns rustup's default toolchain and its folder overrides from its settings file. */
export async function rustupSettings(env: Readonly<Record<string, string>>): Promise<RustupSettings> {
  const text = await readFile(join(rustupHome(env), 'settings.toml'), 'utf8').catch(() => '');
  try {
    const { default_toolchain: name, overrides } = parse(text);
    const table = typeof overrides === 'object' && !Array.isArray(overrides) ? Object.entries(overrides) : [];
    const texts = table.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return { ...(typeof name === 'string' ? { defaultName: name } : {}), overrides: Object.fromEntries(texts) };
  } catch {
    return { overrides: {} }; // rustup itself reports that its file is damaged; here it is ignored
  }
}

async function toolchainOnPath(bin: string, search: ToolchainSearch, context: Context): Promise<Toolchain | undefined> {
  const [rustc, cargo, rustdoc] = await Promise.all(['rustc', 'cargo', 'rustdoc'].map((program) => existing(join(bin, program))));
  if (!rustc || !cargo) return undefined;
  const about = await aboutToolchain(rustc, cargo, search, context);
  return { name: rustc, origin: 'path', cargo, rustc, ...(rustdoc ? { rustdoc } : {}), ...about };
}

/**
 * Returns folders of PATH with a rustc that is not rustup's proxy (a link to rustup, or a copy of rustup
 * under another name).
 */
async function systemBins(path: string): Promise<readonly string[]> {
  const seen = new Set<string>();
  const bins: string[] = [];
  for (const bin of path.split(':').filter((part) => part.startsWith('/'))) {
    if (!existsSync(join(bin, 'rustc'))) continue;
    const rustc = await realpath(join(bin, 'rustc')).catch(() => undefined);
    if (rustc === undefined || seen.has(rustc)) continue;
    seen.add(rustc);
    const [own, proxy] = await Promise.all([stat(rustc), stat(join(bin, 'rustup')).catch(() => undefined)]);
    if (proxy && (own.ino === proxy.ino || own.size === proxy.size)) continue;
    bins.push(bin);
  }
  return bins;
}

type About = Pick<Toolchain, 'sysroot' | 'release' | 'commitHash' | 'host' | 'verbose' | 'unstableCargo'>;

/**
 * Returns the data of rustc and cargo about themselves. It is memoized for each installed toolchain, because
 * three processes take longer than a whole warm build.
 */
async function aboutToolchain(rustc: string, cargo: string, { env, cacheDir }: ToolchainSearch, { signal }: Context): Promise<About> {
  const options = { cwd: '/', env: { PATH: pathOf(env), HOME: env['HOME'] ?? '/' }, signal };
  return remembered<{ [key in keyof About]: About[key] }>(
    cacheDir,
    'rustc',
    { rustc, cargo },
    async () => {
      const [verbose, sysroot, unstable] = await Promise.all([
        outputOf(`ask "${rustc}" for its version`, [rustc, '-vV'], options),
        outputOf(`ask "${rustc}" for its sysroot`, [rustc, '--print', 'sysroot'], options),
        run([cargo, '-Zunstable-options', 'config', 'get'], { ...options, env: { ...options.env, CARGO_HOME: '/nonexistent' } }),
      ]);
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(verbose)?.[1] ?? '';
      return {
        value: {
          sysroot: sysroot.trim(),
          release: field('release'),
          commitHash: field('commit-hash'),
          host: field('host'),
          verbose,
          unstableCargo: unstable.exitCode === 0,
        },
        witnesses: [rustc, cargo, join(sysroot.trim(), 'lib')],
      };
    },
    isAbout,
  );
}

function isAbout(value: unknown): value is { [key in keyof About]: About[key] } {
  if (!isTable(value)) return false;
  return (
    [value['sysroot'], value['release'], value['commitHash'], value['host'], value['verbose']].every(isText) &&
    typeof value['unstableCargo'] === 'boolean'
  );
}

async function existing(path: string): Promise<string | undefined> {
  return stat(path).then(
    () => path,
    () => undefined,
  );
}
