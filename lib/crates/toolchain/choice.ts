// Chooses the installed toolchain for a project and explains the choice in a sentence. The order is rustup's
// (the user's choice, the project's file, a folder override, the default). With build-std, the toolchain must
// have an available source of the standard library.
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'smol-toml';
import { cannot, nearest } from '../../core/errors.ts';
import type { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import type { RustSrc } from './rust-src.ts';
import { compareReleases, hasBareLinker, listToolchains, minorOf, rustupSettings, toolchainAt } from './toolchain.ts';
import type { RustupSettings, Toolchain } from './toolchain.ts';

/** The lowest supported release: that of Debian 13, the oldest that tasks/stress-toolchains.ts tries. A test compares it with docs/install.md. */
export const leastRelease = '1.85.1';

export interface ToolchainRequest {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** --toolchain: a channel ("nightly"), a version ("1.95"), a rustup name, or the absolute path of a toolchain's folder. */
  readonly wanted?: string | undefined;
  /**
   * The project's folder. rust-toolchain files and rustup's overrides are searched for there and in its
   * parents.
   */
  readonly project?: string | undefined;
  /** build-std: the standard library's source must be available. */
  readonly needsRustSrc: boolean;
  /** --rust-src or BLOOMERY_RUST_SRC, absolute. */
  readonly rustSrc?: string | undefined;
  readonly otherCacheDir?: string | undefined;
  /** The result of `listToolchains`, for callers that choose for several projects. */
  readonly installed?: readonly Toolchain[];
  /** The result of `rustupSettings`, likewise. */
  readonly settings?: RustupSettings;
}

export interface ToolchainChoice {
  readonly toolchain: Toolchain;
  /** Present if the request needs it. */
  readonly rustSrc?: RustSrc;
  /** One sentence: "nightly-x86_64-unknown-linux-gnu (1.97.0-nightly): ...". */
  readonly why: string;
}

/** A requested toolchain, and the source of the request: "the project's rust-toolchain.toml". */
interface Wish {
  readonly name: string;
  readonly whose: string;
}

/**
 * Chooses a toolchain. Failures (host, exit 69): there is no toolchain, a named one is missing, or none has a
 * matching source.
 */
export async function chooseToolchain(request: ToolchainRequest, context: Context): Promise<ToolchainChoice> {
  const all = request.installed ?? (await listToolchains(request, context));
  const usable = all.filter((toolchain) => !isTooOld(toolchain));
  if (request.wanted !== undefined) {
    const toolchain = isAbsolute(request.wanted)
      ? await toolchainAt(request.wanted, request.wanted, 'path', request, context)
      : (matching(usable, request.wanted) ?? matching(all, request.wanted));
    if (!toolchain) throw noSuchToolchain(request.wanted, usable);
    if (isTooOld(toolchain)) throw tooOldToolchain(request.wanted, toolchain);
    return withRustSrc([toolchain], `--toolchain asks for it`, request, context);
  }
  if (usable.length === 0) throw noToolchain(all);
  const wishes = await wishesFor(request);
  const wish = wishes[0];
  const first = wish && matching(usable, wish.name);
  if (first) return withRustSrc([first, ...newestFirst(usable, first)], `${wish.whose} asks for it`, request, context);
  const [newest, ...others] = newestFirst(usable);
  if (!newest) throw noToolchain(all);
  const why = wish
    ? `${wish.whose} asks for "${wish.name}", which is ${matching(all, wish.name) ? 'too old' : 'not installed'}; this is the newest that is installed`
    : newest.origin === 'cache'
      ? `${whyNoneOf(all.filter(({ origin }) => origin !== 'cache'))}, and this one is in the cache`
      : 'it is the only kind of toolchain installed';
  return withRustSrc([newest, ...others], why, request, context);
}

/**
 * Returns the first candidate with an available source. Candidates that can also link programs without an
 * operating system come first. `why` is the reason for the first candidate.
 */
async function withRustSrc(
  candidates: readonly Toolchain[],
  why: string,
  request: ToolchainRequest,
  context: Context,
): Promise<ToolchainChoice> {
  const [first] = candidates;
  if (!first) throw noToolchain([]);
  if (!request.needsRustSrc) return { toolchain: first, why: `${title(first)}: ${why}` };
  const search = { named: request.rustSrc, cacheDir: request.cacheDir, otherCacheDir: request.otherCacheDir, env: request.env };
  const whole = candidates.filter(hasBareLinker);
  for (const toolchain of [...whole, ...candidates.filter((candidate) => !whole.includes(candidate))]) {
    const { findRustSrc } = await import('./rust-src.ts'); // most builds do not need it
    const rustSrc = await findRustSrc(toolchain, search, context);
    if (!rustSrc) continue;
    const reason =
      toolchain === first
        ? why
        : whole.includes(toolchain) && !whole.includes(first)
          ? `${first.name} has no rust-lld`
          : `the standard library's source of ${minorOf(first.release)} for ${first.name} is missing or lacks its dependencies`;
    return {
      toolchain,
      rustSrc,
      why: `${title(toolchain)}: ${reason}; source of the standard library ${rustSrc.version} from ${rustSrc.origin}`,
    };
  }
  throw noRustSrc(candidates, request.rustSrc);
}

/**
 * Returns the same toolchain with the standard library's source, which the project's configuration needs. A
 * missing source is a Failure.
 */
export async function withSource({ toolchain }: ToolchainChoice, request: ToolchainRequest, context: Context): Promise<ToolchainChoice> {
  return withRustSrc([toolchain], 'its configuration compiles the standard library', { ...request, needsRustSrc: true }, context);
}

/** Returns the requests that rustup would follow, the first with the highest priority. */
async function wishesFor({ env, project, settings }: ToolchainRequest): Promise<readonly Wish[]> {
  const { defaultName, overrides } = settings ?? (await rustupSettings(env));
  const wishes: Wish[] = [];
  for (let folder = project; folder !== undefined; folder = folder === dirname(folder) ? undefined : dirname(folder)) {
    const override = overrides[folder];
    if (override) wishes.push({ name: override, whose: `rustup's override for "${folder}"` });
    const file = await projectChannel(folder);
    if (file) wishes.push(file);
  }
  if (defaultName) wishes.push({ name: defaultName, whose: "rustup's default" });
  return wishes;
}

/**
 * Returns the channel of `rust-toolchain` (either form) or `rust-toolchain.toml`. An invalid file is a
 * Failure that names it.
 */
async function projectChannel(folder: string): Promise<Wish | undefined> {
  for (const file of ['rust-toolchain', 'rust-toolchain.toml']) {
    const path = join(folder, file);
    if (!isFile(path)) continue;
    const text = (await readFile(path, 'utf8')).trim();
    if (file === 'rust-toolchain' && /^[\w.-]+$/.test(text)) return { name: text, whose: `"${path}"` };
    const table = tableOf(text, path)['toolchain'];
    const channel = typeof table === 'object' && table !== null && 'channel' in table ? table.channel : undefined;
    if (typeof channel === 'string') return { name: channel, whose: `"${path}"` };
  }
  return undefined;
}

/** Synchronous, because it is called for each parent folder of each project. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false; // below a file, or unreadable
  }
}

function tableOf(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    throw cannot(`read "${path}"`, 'it is not valid TOML', { detail: error instanceof Error ? error.message : String(error) });
  }
}

/** "nightly" is nightly-<host>, "1.95" any release 1.95.x. A full name matches itself. */
function matching(toolchains: readonly Toolchain[], wanted: string): Toolchain | undefined {
  return (
    toolchains.find(({ name }) => name === wanted) ??
    toolchains.find(({ name, host }) => name === `${wanted}-${host}`) ??
    toolchains.find(
      ({ release }) => release === wanted || (/^\d+\.\d+$/.test(wanted) && minorOf(release) === wanted && !release.includes('-')),
    )
  );
}

/** Toolchains of the host come before those in the cache, which exist for features that the host's lack. */
function newestFirst(toolchains: readonly Toolchain[], except?: Toolchain): readonly Toolchain[] {
  const inCache = ({ origin }: Toolchain): number => (origin === 'cache' ? 1 : 0);
  return toolchains
    .filter((toolchain) => toolchain !== except)
    .sort((a, b) => inCache(a) - inCache(b) || compareReleases(b.release, a.release));
}

function title({ name, release }: Toolchain): string {
  return `${name} (${release})`;
}

function noSuchToolchain(wanted: string, usable: readonly Toolchain[]): Failure {
  const near = nearest(
    wanted,
    usable.flatMap(({ name, host }) => [name, name.replace(`-${host}`, '')]),
  );
  const hint = near ? `did you mean ${near}?` : `run "rustup toolchain install ${wanted}"`;
  return cannot(
    `use the toolchain "${wanted}"`,
    `it is not installed (there ${usable.length === 1 ? 'is' : 'are'} ${usable.map(title).join(', ') || 'none'})`,
    { blame: 'host', hint },
  );
}

/** Whether it is older than the lowest supported release. */
export function isTooOld({ release }: Pick<Toolchain, 'release'>): boolean {
  return compareReleases(release, leastRelease) < 0;
}

function tooOldToolchain(wanted: string, { release }: Toolchain): Failure {
  const why = `its release is ${release}, and the lowest supported release is ${leastRelease}`;
  return cannot(`use the toolchain "${wanted}"`, why, { blame: 'host', hint: toolchainHint });
}

/** How to install a Rust toolchain. doctor prints it too. */
export const toolchainHint =
  `install Rust ${minorOf(leastRelease)} or newer by rustup ("rustup toolchain install stable --component rust-src"), ` +
  "or a distribution's packages rustc and cargo if they are that new (Debian 13's are)";

function noToolchain(tooOld: readonly Toolchain[]): Failure {
  return cannot('find a Rust toolchain', whyNoneOf(tooOld), { blame: 'host', hint: toolchainHint });
}

function whyNoneOf(tooOld: readonly Toolchain[]): string {
  return tooOld.length > 0 ? `${tooOld.map(title).join(', ')} is older than ${leastRelease}` : 'rustc and cargo are not installed';
}

function noRustSrc(candidates: readonly Toolchain[], named: string | undefined): Failure {
  const what = `find the standard library's source for ${candidates.map(title).join(' or ')}`;
  if (named !== undefined)
    return cannot(what, `"${named}" is of another version`, { blame: 'host', hint: 'the first two numbers of the versions must be equal' });
  return cannot(what, 'it is, with its dependencies, neither in a sysroot nor in the cache', {
    blame: 'host',
    hint: 'run npx zx tasks/doctor.ts --install, or "rustup component add rust-src", or give --rust-src DIR|ARCHIVE',
  });
}
