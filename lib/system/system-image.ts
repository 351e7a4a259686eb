// The image of a system's profile: facts of its page, outputs of its components and, where it has one, a root of packages, assembled once per state
// of all of them. An image that was made of the same things and has not been touched since is left as it is.
import { copyFile, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import type { Cache } from '../cache/cache.ts';
import { stageRecord } from '../cookbook/stages.ts';
import { digestBytes, digestRecord } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { makeFolder } from '../core/folders.ts';
import { remembered } from '../core/remembered.ts';
import type { Witnessed } from '../core/remembered.ts';
import type { Compiled } from '../crates/compiled.ts';
import type { Ext4Base } from '../image/ext4.ts';
import type { Entry } from '../image/file-tree.ts';
import { assemble, opensWith } from '../image/image.ts';
import type { AssembledImage, ImageLayout } from '../image/image.ts';
import { baseFolder } from './base-root.ts';
import { startable } from './boot-header.ts';
import { closureRecord } from './closure-record.ts';
import type { ClosureRecord } from './closure-record.ts';
import type { FetchedSources } from './fetched-sources.ts';
import { layoutOf, sourceRows } from './image-facts.ts';
import type { FileSources, ImageFacts, PartitionFacts } from './image-facts.ts';
import { tooSmall, sizesOf } from './package-sizes.ts';
import type { InstalledPackages } from './recipe-packages.ts';
import type { Replaced } from './replacement.ts';
import { kernelModules } from './kernel-modules.ts';
import { rootBaseImage } from './root-base-image.ts';
import { rootTree } from './root-tree.ts';
import type { RootRequest, RootTree } from './root-tree.ts';
import { packagedFile, packageFolder } from './single-package.ts';
import type { SourceLock } from './source-lock.ts';
import { imageOf, profileOf } from './system.ts';
import type { KernelFacts, System } from './system.ts';

export interface ImageRequest {
  readonly system: System;
  readonly profile: string;
  readonly outDir: string;
  readonly fetched: FetchedSources | undefined;
  /** What has the packages that are taken alone. */
  readonly lock: SourceLock | undefined;
  /** False: --no-sandbox. */
  readonly sandbox: boolean;
  readonly cache: Cache;
  /** Folders of components' sources. */
  readonly folders: ReadonlyMap<string, string>;
  /** Packages of recipes. */
  readonly installed?: InstalledPackages | undefined;
  /** The RedoxFS is encrypted, and this password opens it. */
  readonly password?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface SystemImage {
  readonly image: AssembledImage;
  /** A kernel that the machine starts directly, beside the image. */
  readonly kernel?: string;
  /** Of a root of packages. */
  readonly replaced?: readonly Replaced[];
  readonly closure?: ClosureRecord;
}

/** Where the kernel of a profile that has one lies. */
export function kernelPath(outDir: string, system: string, profile: string): string {
  return join(outDir, `${system}-${profile}`, 'vmlinuz');
}

/** The file with the command line of a published kernel: that of the page, or of a checkout. */
export function commandLinePath(kernel: string): string {
  return `${kernel}.cmdline`;
}

/** Where the image of a profile is, below the folder of all outputs: its name ends as its kind does. */
export function imageFileName(stem: string, facts: ImageFacts | undefined): string {
  const kind = facts?.partitions[0]?.fileSystem;
  if (kind?.kind === 'cpio') return `${stem}.cpio${kind.gzip ? '.gz' : ''}`;
  return `${stem}.${kind?.kind === 'iso' ? 'iso' : 'img'}`;
}

/** `made`: component/output -> path. */
export async function systemImage(
  request: ImageRequest,
  imagePath: string,
  compiled: Compiled,
  made: ReadonlyMap<string, string>,
  context: Context,
): Promise<SystemImage> {
  const { system, profile, cache, fetched, lock, password } = request;
  const facts = imageOf(system, profile);
  const outputs = compiled.projects.flatMap(({ project, outputs: all }) =>
    [...all].map(([name, { digest }]) => [`${project.name}/${name}`, digest] as const),
  );
  const kernel = profileOf(system, profile).kernel;
  const question: Json = {
    imagePath,
    facts: digestBytes(JSON.stringify([facts, system.replacements ?? null, kernel ?? null])),
    outputs: digestRecord(Object.fromEntries(outputs)),
    bases: fetched ? basesOf(facts).map((base) => baseFolder(rootRequest(request, facts, fetched, base))) : [],
    singles: (lock?.archives ?? []).filter(({ uses }) => uses.some((use) => use.startsWith('single '))).map(({ sha256 }) => sha256),
    sources: await sourceDigests(request, facts),
    packages: (request.installed?.stages ?? []).map(stageRecord),
    // Nothing that is written down depends on the password itself.
    encrypted: password !== undefined,
    // What makes trees and file systems of the facts: a newer Bloomery may make others.
    makers: [await cache.digests.tree(join(import.meta.dirname, '../image')), await cache.digests.tree(import.meta.dirname)],
  };
  const assembled = async (): Promise<Witnessed<SystemImage>> => {
    const value = await assembleImage(request, facts, imagePath, compiled, made, context);
    return { value, witnesses: [imagePath, ...(value.kernel === undefined ? [] : [value.kernel, commandLinePath(value.kernel)])] };
  };
  const holds = ({ image }: SystemImage): boolean => password === undefined || opensWith(imagePath, image, password);
  return await remembered(cache.root, 'image', question, assembled, holds);
}

async function assembleImage(
  request: ImageRequest,
  facts: ImageFacts,
  imagePath: string,
  compiled: Compiled,
  made: ReadonlyMap<string, string>,
  context: Context,
): Promise<SystemImage> {
  const { system, profile, env, fetched, lock, cache } = request;
  let tree: RootTree | undefined;
  const packages = lock && { lock, cacheDir: cache.root, env };
  const sources: FileSources = {
    made: (name) => made.get(name),
    source: (name) => sourceAt(name, request.folders),
    installed: (partition) => installedEntries(request, partition),
    host: { host: { path: env['PATH'] ?? '' }, scratchDir: env['TMPDIR'] ?? '/tmp', context },
    ...(packages && {
      packaged: (name) => packagedFile(name, packages, context),
      modules: async ({ from, names }) => await kernelModules(await packageFolder(from, packages, context), names, packages, context),
    }),
    ...(fetched && {
      root: async (root) => {
        const single = (use: string): Promise<string> => packageFolder(use, { lock: fetched.lock, cacheDir: cache.root, env }, context);
        tree = await rootTree({ ...rootRequest(request, facts, fetched, root.base), root, single }, sources, context);
        return tree.entries;
      },
    }),
  };
  const layout = await layoutOf(facts, sources);
  const wanted = profileOf(system, profile).kernel;
  const kernel = wanted && ('made' in wanted || fetched) ? kernelPath(request.outDir, system.name, profile) : undefined;
  if (kernel !== undefined && wanted) {
    await publishKernel(wanted, sources, kernel);
    await writeFile(commandLinePath(kernel), `${wanted.commandLine}\n`);
  }
  const rooted = layout.partitions.find((_, index) => facts.partitions[index]?.root);
  const { password } = request;
  const base = tree && (await rootBaseImage(layout, tree.below, { cacheDir: cache.root, path: env['PATH'] ?? '' }, context));
  const [image, closure] = await Promise.all([
    assemble(withPassword(base ? withBase(layout, base) : layout, password), imagePath, { path: env['PATH'] ?? '' }, context).catch(
      (error: unknown) => {
        throw tooSmall(error, sizesOf(layout, request.installed?.stages ?? []));
      },
    ),
    tree && rooted && closureRecord(rooted.contents.tree.entries, tree, await versionsOf(request, compiled)),
  ]);
  return {
    image,
    ...(kernel === undefined ? {} : { kernel }),
    ...(tree && { replaced: tree.replaced }),
    ...(closure && { closure }),
  };
}

function sourceAt(row: string, folders: ReadonlyMap<string, string>): string | undefined {
  const at = row.indexOf(':');
  const folder = folders.get(row.slice(0, at));
  return folder === undefined ? undefined : join(folder, row.slice(at + 1));
}

/** Returns the digests of the files of components' sources that an image has. */
async function sourceDigests({ folders, cache }: ImageRequest, facts: ImageFacts): Promise<Json> {
  const rows = sourceRows(facts).map(async (row) => {
    const path = sourceAt(row, folders);
    const about = path === undefined ? undefined : await absentAsUndefined(stat(path));
    if (path === undefined || !about) return [row, null] as const;
    return [row, about.isDirectory() ? await cache.digests.tree(path) : ((await cache.digests.file(path)) ?? null)] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}

/** What packages put into the partition of the root file system. */
async function installedEntries(
  { system, profile, outDir, cache, installed }: ImageRequest,
  { name, files }: PartitionFacts,
): Promise<ReadonlyMap<string, Entry> | undefined> {
  if (!installed || name !== system.configurations?.rootPartition) return undefined;
  const linkAt = (path: string): string | undefined => {
    const fact = files[path];
    return fact && 'link' in fact ? fact.link : undefined;
  };
  const folder = join(outDir, `${system.name}-${profile}`, 'packages');
  const { packageEntries } = await import('./recipe-packages.ts'); // most images have no recipes
  const entries = await packageEntries(installed.stages, { folder, cache, linkAt });
  return new Map([...entries].map(([path, { entry }]) => [path, entry]));
}

function withBase(layout: ImageLayout, base: Ext4Base): ImageLayout {
  const partitions = layout.partitions.map((partition) =>
    partition.contents.kind === 'ext4' ? { ...partition, contents: { ...partition.contents, base } } : partition,
  );
  return { ...layout, partitions };
}

function withPassword(layout: ImageLayout, password: string | undefined): ImageLayout {
  if (password === undefined) return layout;
  const partitions = layout.partitions.map((partition) =>
    partition.contents.kind === 'redoxfs' ? { ...partition, contents: { ...partition.contents, password } } : partition,
  );
  return { ...layout, partitions };
}

/** Versions of replacements: of the packages that their components are. */
async function versionsOf({ system }: ImageRequest, { projects }: Compiled): Promise<Readonly<Record<string, string>>> {
  const ofComponent = new Map<string, string>();
  for (const { project } of projects) {
    const manifest = parse(await readFile(join(project.dir, 'Cargo.toml'), 'utf8')) as { package?: { version?: unknown } };
    if (typeof manifest.package?.version === 'string') ofComponent.set(project.name, manifest.package.version);
  }
  const rows = Object.entries(system.replacements ?? {}).flatMap(([name, { provides, multicall }]) => {
    const programs = [multicall?.program, ...Object.values(provides).map((fact) => ('made' in fact ? fact.made : undefined))];
    const version = programs.map((program) => ofComponent.get(program?.split('/')[0] ?? '')).find((found) => found !== undefined);
    return version === undefined ? [] : [[name, version] as const];
  });
  return Object.fromEntries(rows);
}

async function sourcePath(sources: FileSources, name: string): Promise<string> {
  const path = await sources.packaged?.(name);
  if (path === undefined) throw new Error(`no source for "${name}"`);
  return path;
}

async function publishKernel(facts: KernelFacts, sources: FileSources, to: string): Promise<void> {
  if ('from' in facts) return await publishFile(await sourcePath(sources, facts.from), to);
  const from = sources.made(facts.made);
  if (from === undefined) throw cannot('publish the kernel', `no component made "${facts.made}"`);
  await publishFile(from, to, (bytes) => startable(bytes, facts.protocol));
}

async function publishFile(from: string, to: string, change?: (bytes: Buffer) => Buffer): Promise<void> {
  try {
    await makeFolder(dirname(to));
    if (change) await writeFile(`${to}.partial`, change(await readFile(from)));
    else await copyFile(from, `${to}.partial`);
    await rename(`${to}.partial`, to);
  } catch (error) {
    throw cannotBecause(`write "${to}"`, error);
  }
}

function basesOf(facts: ImageFacts): readonly string[] {
  return facts.partitions.flatMap(({ root }) => (root ? [root.base] : []));
}

function rootRequest(
  { system, sandbox, cache, env }: ImageRequest,
  facts: ImageFacts,
  { lock }: FetchedSources,
  name: string,
): Omit<RootRequest, 'root' | 'single'> & { readonly name: string } {
  const suite = system.sources?.suite ?? '';
  const { timestampSec } = facts;
  return { name, suite, lock, timestampSec, cacheDir: cache.root, env, sandbox, replacements: system.replacements ?? {} };
}
