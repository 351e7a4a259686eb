// What cargo makes of a project: the unit graph, the packages in it, the configuration. Its answer is remembered with a witness for
// everything that it was made from, so that an unchanged project never starts cargo.
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import type { Digest, Json } from '../core/digest.ts';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { configuration, metadata, stdMetadata, stdSources, unitGraph } from './cargo.ts';
import type { Cargo, CargoConfig } from './cargo.ts';
import { lintArgs } from './lints.ts';
import type { LintArgs } from './lints.ts';
import type { Metadata, Package } from './package.ts';
import { selectionArgs } from './project.ts';
import type { Project } from './project.ts';
import type { RustSrc } from './rust-src.ts';
import type { UnitGraph } from './unit-graph.ts';

export interface Resolution {
  readonly graph: UnitGraph;
  /** The packages that units of the graph belong to. */
  readonly packages: readonly Package[];
  readonly stdPackages: readonly Package[];
  /** Absolute. */
  readonly workspaceRoot: string;
  readonly config: CargoConfig;
  /** [lints] by the path of the manifest. */
  readonly lints: Readonly<Record<string, LintArgs>>;
}

/** A file by its digest, or a folder (closing slash) by the names in it; null where there is none. */
type Witness = readonly [path: string, digest: Digest | null];

interface Remembered {
  readonly [key: string]: Json;
  readonly witnesses: readonly Witness[];
  readonly resolution: string;
}

/** Resolves a project by cargo, or from memory when nothing that cargo would look at has changed. Cargo's refusals are Failures. */
export async function resolveProject(cargo: Cargo, project: Project, rustSrc: RustSrc | undefined, context: Context): Promise<Resolution> {
  const { cache, toolchain, hostEnv } = cargo;
  const records = await cache.records<Remembered>('plans', isRemembered);
  const question = digestRecord({
    dir: project.dir,
    selection: [...selectionArgs(project, toolchain.host)],
    cargo: toolchain.cargo,
    rustc: toolchain.verbose,
    rustSrc: rustSrc ? [rustSrc.libraryDir, rustSrc.digest] : null,
    home: hostEnv['CARGO_HOME'] ?? hostEnv['HOME'] ?? '',
  });
  const kept = await records.get(question);
  if (kept && (await holds(kept.witnesses, cache))) {
    const resolution: Resolution = JSON.parse(kept.resolution);
    return resolution;
  }
  const { resolution, manifests } = await ask(cargo, project, rustSrc, context);
  const paths = [
    ...configFiles(project, hostEnv),
    join(resolution.workspaceRoot, 'Cargo.lock'),
    ...manifests,
    ...discoveredFolders(resolution),
  ];
  const witnesses = await Promise.all([...new Set(paths)].map(async (path): Promise<Witness> => [path, await witness(path, cache)]));
  await records.put(question, { witnesses, resolution: JSON.stringify(resolution) });
  return resolution;
}

async function ask(
  cargo: Cargo,
  project: Project,
  rustSrc: RustSrc | undefined,
  context: Context,
): Promise<{ resolution: Resolution; manifests: readonly string[] }> {
  const plain = await metadata(cargo, project, [], context);
  const sources = rustSrc ? await stdSources(cargo, rustSrc, plain) : [];
  const [known, std, graph, config] = await Promise.all([
    sources.length > 0 ? metadata(cargo, project, sources, context) : plain,
    rustSrc ? stdMetadata(cargo, rustSrc, context) : undefined,
    unitGraph(cargo, project, rustSrc, sources, context),
    configuration(cargo, project, context),
  ]);
  const used = new Set(graph.units.map(({ pkgId }) => pkgId));
  const usedOf = (from: Metadata | undefined): readonly Package[] => [...(from?.packages.values() ?? [])].filter(({ id }) => used.has(id));
  const [packages, stdPackages] = [usedOf(known), usedOf(std)];
  const { workspaceRoot } = known;
  const lints = await Promise.all(
    [...packages, ...stdPackages].map(async ({ manifestPath, source, dir }) => {
      // Only a member of the workspace, or of the standard library's, can inherit a table.
      const inheritedFrom =
        source !== undefined ? dir : rustSrc && !relative(rustSrc.libraryDir, dir).startsWith('..') ? rustSrc.libraryDir : workspaceRoot;
      return [manifestPath, await lintArgs(manifestPath, inheritedFrom)] as const;
    }),
  );
  const resolution = { graph, packages, stdPackages, workspaceRoot, config, lints: Object.fromEntries(lints) };
  const manifests = [...plain.packages.values()].map(({ manifestPath }) => manifestPath);
  return { resolution, manifests: [join(workspaceRoot, 'Cargo.toml'), ...manifests] };
}

/** Every place where cargo looks for configuration, there or not. */
function configFiles({ dir, cargoConfigs }: Project, hostEnv: Readonly<Record<string, string>>): readonly string[] {
  const folders = [join(hostEnv['CARGO_HOME'] ?? join(hostEnv['HOME'] ?? '/', '.cargo'))];
  for (let folder = dir; ; folder = dirname(folder)) {
    folders.push(join(folder, '.cargo'));
    if (folder === dirname(folder)) break;
  }
  return [...cargoConfigs, ...folders.flatMap((folder) => [join(folder, 'config.toml'), join(folder, 'config')])];
}

/** Folders of the person's packages in which a new file is a new target, or a new folder a new member. */
function discoveredFolders({ packages, workspaceRoot }: Resolution): readonly string[] {
  const own = packages.filter(({ source }) => source === undefined);
  const targets = own.flatMap(({ dir }) => ['', 'src/', 'src/bin/'].map((folder) => `${dir}/${folder}`));
  const parents = own.map(({ dir }) => dirname(dir)).filter((parent) => !relative(workspaceRoot, parent).startsWith('..'));
  return [...targets, ...parents.map((parent) => `${parent}/`)];
}

async function holds(witnesses: readonly Witness[], cache: Cache): Promise<boolean> {
  const now = await Promise.all(witnesses.map(([path]) => witness(path, cache)));
  return witnesses.every(([, digest], index) => now[index] === digest);
}

async function witness(path: string, { digests }: Cache): Promise<Digest | null> {
  if (!path.endsWith('/')) return (await digests.file(path)) ?? null;
  const names = await readdir(path).catch(() => undefined);
  // What a build leaves behind is no target.
  return names ? digestRecord(names.filter((name) => name !== 'target' && name !== 'Cargo.lock').sort(byCodeUnit)) : null;
}

function isRemembered(value: Json): value is Remembered {
  return (
    typeof value === 'object' && value !== null && 'witnesses' in value && 'resolution' in value && typeof value['resolution'] === 'string'
  );
}
