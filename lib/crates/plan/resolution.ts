// Cargo's resolution of a project: the unit graph, its packages, the configuration. It is memoized together
// with all files from which it was computed, so that cargo is not started for an unchanged project, in this
// checkout or another.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { TomlTable, TomlValue } from 'smol-toml';
import type { Cache } from '../../cache/cache.ts';
import { byCodeUnit, digestRecord, isDigest } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { isListOf, isTable, isText, orNull } from '../../core/stored-values.ts';
import { isCargoConfig } from '../cargo/cargo-config.ts';
import { cargoHome, configFiles, configPlaces, foldersUp, parseToml, planningVariables, tableOf } from '../cargo/config-files.ts';
import { workspaceRootOf } from '../cargo/package.ts';
import type { Package } from '../cargo/package.ts';
import type { Cargo } from './planning.ts';
import { isResolution, resolveAnew } from './resolve-anew.ts';
import type { Resolution } from './resolve-anew.ts';
import { selectionArgs, triplesOf } from '../project.ts';
import type { Project } from '../project.ts';
import { toolchainIdentity } from '../toolchain/identity.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';

/** A file with its digest, or a folder (closing slash) with the digest of its names. Null if it does not exist. */
type Witness = readonly [path: string, digest: Digest | null];

/** One memoized resolution. Its paths are portable: it is valid in another checkout with the same layout. */
interface Remembered {
  readonly [key: string]: Json;
  /** Path from the project's folder to the folder that contains everything of its own. */
  readonly base: string;
  readonly witnesses: readonly Witness[];
  readonly resolution: string;
  readonly config: string;
  /**
   * The project's folder, if the resolution is valid only for it, because it contains a path outside of the
   * portable folders.
   */
  readonly only: string | null;
}

/** The fields of a resolution that are paths, or ids with a path in them. */
const pathFields: ReadonlySet<string> = new Set(['srcPath', 'pkgId', 'id', 'dir', 'manifestPath', 'workspaceRoot', 'platform', 'warning']);

/** The field of the configuration with a path that cargo made absolute. */
const configPathFields: ReadonlySet<string> = new Set(['file']);

/**
 * Number of memoized resolutions for projects with the same outer files: members of a workspace may differ
 * between branches.
 */
const keptAnswers = 4;

/**
 * Resolves a project with cargo, or from the memo if no file that cargo would read has changed. Cargo's
 * errors are Failures.
 */
export async function resolveProject(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Resolution> {
  const { cache, hostEnv } = cargo;
  const records = await cache.records<readonly Remembered[]>('plans', areRemembered);
  const question = await questionOf(cargo, project, rustSrc);
  const basesFrom = (base: string): readonly Base[] => [
    { token: '\u0001', path: resolve(project.dir, base) },
    { token: '\u0002', path: cargoHome(hostEnv) },
    ...(rustSrc ? [{ token: '\u0003', path: rustSrc.libraryDir }] : []),
  ];
  for (const answer of (await records.get(question)) ?? []) {
    if (answer.only !== null && answer.only !== project.dir) continue;
    const bases = basesFrom(answer.base);
    if (!(await holds(answer.witnesses, bases, cache))) continue;
    const kept = localValue(answer.resolution, pathFields, bases);
    const config = localValue(answer.config, configPathFields, bases);
    if (!isResolution(kept) || !isCargoConfig(config)) continue;
    // A planned project was built before, so keys will be needed. A second thread prefetches the digests of
    // their sources.
    cache.digests.expect(kept.packages.flatMap(({ source, dir }) => (source === undefined || source.startsWith('git+') ? [] : [dir])));
    return { ...kept, config };
  }
  const { resolution, known } = await resolveAnew(cargo, project, rustSrc, context);
  cache.digests.forget(join(resolution.workspaceRoot, 'Cargo.lock')); // cargo created it
  const asked = await questionOf(cargo, project, rustSrc);
  const looked = await lookedAt(known, resolution.workspaceRoot, cargoHome(hostEnv));
  const { config, ...rest } = resolution;
  const base = relative(project.dir, baseOf(resolution, project, hostEnv, rustSrc)) || '.';
  const bases = basesFrom(base);
  const witnesses = await Promise.all(
    looked.map(async (path): Promise<Witness> => [portablePath(path, bases), await witness(path, cache)]),
  );
  const texts = { resolution: portableText(rest, pathFields, bases), config: portableText(config, configPathFields, bases) };
  const fixed = namesOnePlace(texts.resolution, pathFields) || namesOnePlace(texts.config, configPathFields);
  const answer = { base, witnesses, ...texts, only: fixed ? project.dir : null };
  const others = (await records.get(asked)) ?? [];
  await records.put(asked, [answer, ...others].slice(0, keptAnswers));
  return resolution;
}

/**
 * Returns everything that determines cargo's answer except the location of the checkout: the arguments, the
 * tools, and files at fixed paths.
 */
async function questionOf({ toolchain, hostEnv, cache }: Cargo, project: Project, rustSrc: RustSrc | undefined): Promise<Digest> {
  const words = selectionArgs(project, triplesOf(project)).map((word) => (word.startsWith('/') ? relative(project.dir, word) : word));
  const { files: configured, absent } = configFiles(project, hostEnv);
  const files = [
    ...foldersUp(project.dir).flatMap((folder) => [join(folder, 'Cargo.toml'), join(folder, 'Cargo.lock')]),
    ...configPlaces(project.dir, hostEnv),
    ...configured.map(({ path }) => path),
    ...absent,
  ];
  const home = cargoHome(hostEnv);
  const present: Json[] = [];
  for (const path of new Set(files)) {
    const digest = await cache.digests.file(path);
    const name = path.startsWith(`${home}/`) ? `CARGO_HOME${path.slice(home.length)}` : relative(project.dir, path);
    if (digest !== undefined) present.push([name, digest]);
  }
  return digestRecord({
    format: 11, // raised when the stored form of a resolution changes
    words,
    command: project.command ?? 'build',
    toolchain: await toolchainIdentity(toolchain, cache.root),
    rustSrc: rustSrc?.digest ?? null,
    variables: { ...planningVariables(hostEnv, toolchain.unstableCargo) },
    files: present,
  });
}

/**
 * Returns the deepest folder that contains the project and everything of its own, without the registry's
 * packages and the standard library.
 */
function baseOf(
  { packages, workspaceRoot }: Resolution,
  { dir }: Project,
  hostEnv: Cargo['hostEnv'],
  rustSrc: RustSrc | undefined,
): string {
  const elsewhere = [cargoHome(hostEnv), ...(rustSrc ? [rustSrc.libraryDir] : [])];
  const own = packages.map((one) => one.dir).filter((path) => !elsewhere.some((folder) => path.startsWith(`${folder}/`)));
  return commonFolder(dir, [workspaceRoot, ...own]);
}

/**
 * Whether a portable text still has an absolute path in one of the fields, which is outside of all folders
 * that tokens replace.
 */
function namesOnePlace(text: string, fields: ReadonlySet<string>): boolean {
  let found = false;
  JSON.parse(text, (key, item: unknown) => {
    found ||= typeof item === 'string' && fields.has(key) && /(?:^|\/\/)\//.test(item);
    return item;
  });
  return found;
}

async function holds(witnesses: readonly Witness[], bases: readonly Base[], cache: Cache): Promise<boolean> {
  for (const [path, digest] of witnesses) if ((await witness(localPath(path, bases), cache)) !== digest) return false;
  return true;
}

async function witness(path: string, { digests }: Cache): Promise<Digest | null> {
  if (!path.endsWith('/')) return (await digests.file(path)) ?? null;
  const names = digests.names(path.slice(0, -1));
  // Outputs of a build are not targets.
  return names ? digestRecord(names.filter((name) => !/^(?:target\/*|Cargo\.lock)$/.test(name)).sort(byCodeUnit)) : null;
}

function areRemembered(value: Json): value is readonly Remembered[] {
  return isListOf(value, (answer): answer is Remembered => {
    if (!isTable(answer) || !isListOf(answer['witnesses'], isWitness)) return false;
    const { base, resolution, config, only } = answer;
    return [base, resolution, config].every(isText) && orNull(isText)(only);
  });
}

function isWitness(value: unknown): value is Witness {
  return Array.isArray(value) && isText(value[0]) && orNull(isDigest)(value[1]);
}

/** Folders of a package in which a new file, or a new folder with a main.rs, is a new target. */
const targetFolders = ['src/bin', 'examples', 'tests', 'benches'];

/**
 * Returns absolute paths without duplicates. `packages` are all that cargo knows. `cargoHome` is the folder
 * of downloaded packages.
 */
export async function lookedAt(packages: readonly Package[], workspaceRoot: string, cargoHome: string): Promise<readonly string[]> {
  const own = packages.filter(({ source }) => source === undefined).map(({ dir }) => dir);
  const around = commonFolder(workspaceRoot, own);
  const roots = [...new Set([workspaceRoot, ...own.map((dir) => workspaceRootOf(dir, cargoHome))])];
  const discovered = await Promise.all(own.map(discoveredFolders));
  const members = await Promise.all(roots.map(memberFolders));
  return [
    ...new Set([
      join(workspaceRoot, 'Cargo.lock'),
      ...packages.map(({ manifestPath }) => manifestPath),
      ...roots.map((root) => join(root, 'Cargo.toml')),
      // A new manifest there may create a workspace around a package.
      ...own.flatMap((dir) =>
        foldersUp(dir)
          .filter((folder) => `${folder}/`.startsWith(`${around}/`))
          .map((folder) => join(folder, 'Cargo.toml')),
      ),
      ...discovered.flat(),
      ...members.flat(),
    ]),
  ];
}

async function discoveredFolders(dir: string): Promise<readonly string[]> {
  const nested = await Promise.all(
    targetFolders.map(async (folder) => (await foldersIn(join(dir, folder))).map((name) => `${join(dir, folder, name)}/`)),
  );
  return [`${dir}/`, `${dir}/src/`, ...targetFolders.map((folder) => `${join(dir, folder)}/`), ...nested.flat()];
}

/** Returns the folders in which a workspace's patterns of members match, and those of its patches. */
async function memberFolders(root: string): Promise<readonly string[]> {
  const text = await readFile(join(root, 'Cargo.toml'), 'utf8').catch(() => '');
  const manifest = parseToml(text);
  const workspace = tableOf(manifest['workspace']);
  const patterns = [...texts(workspace['members']), ...texts(workspace['default-members'])];
  const looked: string[] = [];
  for (const pattern of patterns) if (/[*?[]/.test(pattern)) looked.push(...(await expand(root, pattern.split('/').filter(Boolean))));
  const patches = Object.values(tableOf(manifest['patch'])).flatMap((source) => Object.values(tableOf(source)));
  for (const { path } of [...patches, ...Object.values(tableOf(manifest['replace']))].map(tableOf) as readonly TomlTable[]) {
    if (typeof path === 'string') looked.push(join(resolve(root, path), 'Cargo.toml'));
  }
  return looked;
}

/** Returns every folder that a pattern lists, and every manifest that it would find. */
async function expand(folder: string, [part, ...rest]: readonly string[]): Promise<readonly string[]> {
  if (part === undefined) return [join(folder, 'Cargo.toml')];
  if (!/[*?[]/.test(part)) return expand(join(folder, part), rest);
  const names = (await foldersIn(folder)).filter((name) => name !== 'target' && !name.startsWith('.'));
  const below = names.map((name) => (part === '**' ? expand(join(folder, name), [part, ...rest]) : expand(join(folder, name), rest)));
  const here = part === '**' ? await expand(folder, rest) : [];
  return [`${folder}/`, ...here, ...(await Promise.all(below)).flat()];
}

async function foldersIn(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
}

function texts(value: TomlValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A token for a folder, and the folder on this host. */
export interface Base {
  readonly token: string;
  readonly path: string;
}

/** Returns the JSON text of `value`. Tokens replace the folders in the fields of these names. */
export function portableText(value: unknown, fields: ReadonlySet<string>, bases: readonly Base[]): string {
  return JSON.stringify(value, (key, item: unknown) => (typeof item === 'string' && fields.has(key) ? portablePath(item, bases) : item));
}

/** Returns the value of a portable text, with the folders of this checkout. */
export function localValue(text: string, fields: ReadonlySet<string>, bases: readonly Base[]): unknown {
  return JSON.parse(text, (key, item: unknown) => (typeof item === 'string' && fields.has(key) ? localPath(item, bases) : item));
}

export function portablePath(path: string, bases: readonly Base[]): string {
  const longestFirst = [...bases].sort((a, b) => b.path.length - a.path.length);
  return longestFirst.reduce((text, { token, path: folder }) => (folder === '/' ? text : replaceFolder(text, folder, token)), path);
}

export function localPath(path: string, bases: readonly Base[]): string {
  return bases.reduce((text, { token, path: folder }) => text.replaceAll(token, folder), path);
}

/** Returns the deepest folder that contains all of these, or "/" if they have nothing else in common. */
export function commonFolder(first: string, others: readonly string[]): string {
  return others.reduce((common, path) => {
    let folder = common;
    while (relative(folder, resolve(path)).startsWith('..')) folder = dirname(folder);
    return folder;
  }, resolve(first));
}

/**
 * Replaces a folder only where its name ends: at a slash, at the "#" of a package id, or at the end of the
 * text.
 */
function replaceFolder(text: string, folder: string, token: string): string {
  let out = '';
  let rest = text;
  for (let at = rest.indexOf(folder); at >= 0; at = rest.indexOf(folder)) {
    const after = rest[at + folder.length];
    const whole = after === undefined || after === '/' || after === '#';
    out += rest.slice(0, at) + (whole ? token : folder);
    rest = rest.slice(at + folder.length);
  }
  return out + rest;
}
