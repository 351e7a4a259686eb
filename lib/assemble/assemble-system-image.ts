// Assembles the image of a system's profile: the root file system from packages, the separate kernel file,
// and the partitions.
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { valueAt } from '../core/fields.ts';
import { makeFolder, pathOf } from '../core/paths.ts';
import type { Compiled } from '../crates/compiled.ts';
import type { Ext4Base } from '../image/ext4/ext4.ts';
import type { Entry } from '../image/file-tree.ts';
import { assemble } from '../image/image.ts';
import type { ImageLayout } from '../image/image.ts';
import { startable, withoutSections } from '../image/boot/boot-header.ts';
import { closureRecord } from '../rootfs/closure-record.ts';
import type { ImageFacts, PartitionFacts } from '../system/image-facts.ts';
import { layoutOf } from '../rootfs/image-layout.ts';
import type { FileSources } from '../rootfs/image-layout.ts';
import { kernelModules } from '../rootfs/kernel-modules.ts';
import { sizesOf, tooSmall } from './package-sizes.ts';
import { rootBaseImage } from '../rootfs/root-base-image.ts';
import { rootTree } from '../rootfs/root-tree.ts';
import type { RootTree } from '../rootfs/root-tree.ts';
import { packagedFile, packageFolder } from '../sources/debian/single-package.ts';
import { rootRequest, sourceAt } from './image-request.ts';
import type { ImageRequest, SystemImage } from './image-request.ts';
import { commandLinePath, kernelPath } from '../system/find-page.ts';
import { componentOf, profileOf } from '../system/system.ts';
import type { KernelFacts } from '../system/system.ts';

/** Creates the image. `made` maps component/output to the path of the file. */
export async function assembleImage(
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
    host: { host: { path: pathOf(env) }, scratchDir: env['TMPDIR'] ?? '/tmp', context },
    ...(packages && {
      packaged: (name) => packagedFile(name, packages, context),
      modules: async ({ from, names }) => await kernelModules(await packageFolder(from, packages, context), names, packages, context),
    }),
    ...(fetched && {
      root: async (root) => {
        const alone = packages ?? { lock: fetched.lock, cacheDir: cache.root, env };
        const single = (use: string): Promise<string> => packageFolder(use, alone, context);
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
  const base = tree && (await rootBaseImage(layout, tree.below, { cacheDir: cache.root, path: pathOf(env) }, context));
  const [image, closure] = await Promise.all([
    assemble(withPassword(base ? withBase(layout, base) : layout, password), imagePath, { path: pathOf(env) }, context).catch(
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

/** Returns the entries that packages add to the partition of the root file system. */
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
  const { packageEntries } = await import('./recipes/recipe-packages.ts'); // most images have no recipes
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

/** Returns the versions of replacement programs: those of the packages that their components build. */
async function versionsOf({ system }: ImageRequest, { projects }: Compiled): Promise<Readonly<Record<string, string>>> {
  const ofComponent = new Map<string, string>();
  for (const { project } of projects) {
    const version = valueAt(parse(await readFile(join(project.dir, 'Cargo.toml'), 'utf8')), 'package', 'version');
    if (typeof version === 'string') ofComponent.set(project.name, version);
  }
  const rows = Object.entries(system.replacements ?? {}).flatMap(([name, { provides, multicall }]) => {
    const programs = [multicall?.program ?? [], ...Object.values(provides).map((fact) => ('made' in fact ? fact.made : []))].flat();
    const version = programs.map((program) => ofComponent.get(componentOf(program))).find((found) => found !== undefined);
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
  if (from === undefined) throw cannot('publish the kernel', `no component has the output "${facts.made}"`);
  await publishFile(from, to, (bytes) => startable(facts.stripped ? withoutSections(bytes) : bytes, facts.protocol));
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
