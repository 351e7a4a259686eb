// Applies a configuration to a system: root file system, sizes of the image, and the components that are
// needed. The configuration comes from a profile or from the user.
import { basename, join } from 'node:path';
import { cannot, nearest } from '../core/errors.ts';
import { MiB } from '../core/sizes.ts';
import { recipeName } from '../cookbook/recipe-graph.ts';
import type { Configuration } from '../configuration/configuration.ts';
import { configuredRows } from '../configuration/configured-rows.ts';
import { cookbookFolders, loadConfiguration } from '../configuration/load-configuration.ts';
import type { Component, SourceChoice } from '../system/component.ts';
import type { FileFacts, ImageFacts, PartitionFacts } from '../system/image-facts.ts';
import { componentOf, imageOf, profileOf } from '../system/system.ts';
import type { ConfigurationFacts, System, SystemProfile } from '../system/system.ts';

export interface ConfigurationRequest {
  readonly system: System;
  readonly profile: string;
  /** Absolute path of the user's own configuration. */
  readonly config?: string | undefined;
  /** Absolute path of the cookbook. */
  readonly cookbook?: string | undefined;
  /** Names of the cookbook's recipes. */
  readonly recipes: ReadonlySet<string>;
  readonly sources: SourceChoice;
  /** Size of the image in MiB. It overrides the configuration's size. */
  readonly sizeMiB?: number | undefined;
  /** The folder of the page. */
  readonly root: string;
}

export interface ConfiguredSystem {
  /** The page, in which the profile `profile` has the configured image. */
  readonly system: System;
  readonly profile: string;
  readonly packages: ConfiguredPackages;
}

/** The packages of a configuration by origin, sorted by name. */
export interface ConfiguredPackages {
  readonly components: readonly string[];
  readonly recipes: readonly string[];
  /** Packages that only upstream's sources have, in a build of the bundled sources. */
  readonly leftOut: readonly string[];
}

function configurationOf(profile: SystemProfile | undefined, system: string, name: string): string {
  if (profile?.configuration !== undefined) return profile.configuration;
  throw cannot(`configure ${system}`, `its profile "${name}" has no configuration`, {
    blame: 'usage',
    hint: 'name one with --config FILE',
  });
}

/** Smallest size of a FAT32 file system with its tables, in MiB. */
const leastEfiMiB = 34;

/** Reads the configuration and applies it to the system. Throws a Failure for every mistake in it. */
export async function configuredSystem(request: ConfigurationRequest): Promise<ConfiguredSystem> {
  const { system, config, root } = request;
  const facts = system.configurations;
  if (!facts) throw cannot(`configure ${system.name}`, 'its page has no configurations', { blame: 'usage' });
  const profile = config === undefined ? request.profile : basename(config, '.toml');
  const base = config === undefined ? profileOf(system, profile) : undefined;
  const path = config ?? join(root, facts.folder, configurationOf(base, system.name, profile));
  const folders = [
    ...(request.cookbook === undefined ? [] : cookbookFolders(request.cookbook, facts.architecture)),
    join(root, facts.folder),
  ];
  const configuration = await loadConfiguration(path, folders);
  const page = await configuredImage(
    imageOf(system, config === undefined ? profile : request.profile),
    facts,
    configuration,
    request.sizeMiB,
  );
  const packages = packagesOf(configuration, facts, request);
  const image = withoutBuiltHere(withUpstream(page, facts, packages.components, request.sources), facts, packages.recipes);
  const all = { ...system.components, ...upstreamComponents(facts, packages.components) };
  const components = [...new Set([...componentsOf(image), ...packages.components])].filter((name) => name in all);
  const title = base?.title ?? `configured by ${path}`;
  const configured = { title, cargoProfile: base?.cargoProfile ?? profileOf(system, request.profile).cargoProfile, components, image };
  return { system: { ...system, components: all, profiles: { ...system.profiles, [profile]: configured } }, profile, packages };
}

/** Returns the page's image with the rows and sizes of a configuration. */
async function configuredImage(
  image: ImageFacts,
  facts: ConfigurationFacts,
  configuration: Configuration,
  wantedMiB: number | undefined,
): Promise<ImageFacts> {
  const rows: FileFacts = Object.fromEntries(await configuredRows(configuration));
  const sizeMiB = wantedMiB ?? configuration.general.filesystemMiB ?? image.sizeBytes / MiB;
  const efi = (own: number | undefined): number => {
    const wished = configuration.general.efiPartitionMiB ?? (own ?? 0) / MiB;
    // On a small disk the ESP takes at most two fifths, so that there is room for the root file system.
    return Math.max(leastEfiMiB, Math.min(wished, Math.floor((sizeMiB * 2) / 5))) * MiB;
  };
  const partitions = image.partitions.map((partition): PartitionFacts => {
    if (partition.name === facts.rootPartition) return { ...partition, files: { ...rows, ...partition.files } };
    return partition.name === facts.bootPartition ? { ...partition, sizeBytes: efi(partition.sizeBytes) } : partition;
  });
  return { ...image, sizeBytes: sizeMiB * MiB, partitions };
}

/** Adds the rows of packages from upstream's sources. A row of the configuration overrides a package's. */
function withUpstream(image: ImageFacts, facts: ConfigurationFacts, names: readonly string[], { kind }: SourceChoice): ImageFacts {
  const rows = names.map((name) => facts.packages[name]?.install ?? {});
  const instead = kind === 'upstream' ? facts.upstreamFiles : {};
  const partitions = image.partitions.map((partition) =>
    partition.name === facts.rootPartition
      ? { ...partition, files: Object.assign({}, ...rows, partition.files, instead) as FileFacts }
      : partition,
  );
  return { ...image, partitions };
}

/** Returns the components of packages that are compiled from upstream's sources. */
function upstreamComponents({ packages }: ConfigurationFacts, names: readonly string[]): Readonly<Record<string, Component>> {
  const rows = names.flatMap((name): [string, Component][] => {
    const { title, upstream } = packages[name] ?? {};
    return title !== undefined && upstream?.cargo ? [[name, { title, upstream, cargo: upstream.cargo }]] : [];
  });
  return Object.fromEntries(rows);
}

/**
 * Removes files of components that are built as recipes, because the stages of the recipes contain these
 * files.
 */
function withoutBuiltHere(image: ImageFacts, { rootPartition }: ConfigurationFacts, recipes: readonly string[]): ImageFacts {
  const stays = (made: string): boolean => !recipes.includes(componentOf(made));
  const partitions = image.partitions.map((partition) => {
    if (partition.name !== rootPartition) return partition;
    const files = Object.entries(partition.files).filter(([, fact]) => !('made' in fact) || stays(fact.made));
    return { ...partition, files: Object.fromEntries(files) };
  });
  return { ...image, partitions };
}

function packagesOf(
  { packages }: Configuration,
  { packages: upstream }: ConfigurationFacts,
  { system, recipes, sources }: ConfigurationRequest,
): ConfiguredPackages {
  const found = { components: [] as string[], recipes: [] as string[], leftOut: [] as string[] };
  for (const [name, file] of packages) {
    const component = system.components[name];
    if (recipes.has(recipeName(name, recipes))) found.recipes.push(name);
    else if (
      component?.bundled !== undefined ||
      ((component || name in upstream) && (name in sources.local || sources.kind === 'upstream'))
    )
      found.components.push(name);
    else if (component || Object.hasOwn(upstream, name)) found.leftOut.push(name);
    else throw unknownPackage(name, file, [...recipes, ...Object.keys(system.components), ...Object.keys(upstream)]);
  }
  return { components: found.components.sort(), recipes: found.recipes.sort(), leftOut: found.leftOut.sort() };
}

function unknownPackage(name: string, file: string, known: readonly string[]): Error {
  const near = nearest(name, known);
  return cannot(`install the package "${name}" of "${file}"`, 'there is no recipe and no component of that name', {
    hint: near === undefined ? 'name a cookbook that has it with --cookbook DIR' : `did you mean ${near}?`,
  });
}

/** Returns the components whose outputs are files of an image. */
function componentsOf(image: ImageFacts): readonly string[] {
  const of = (files: FileFacts): readonly string[] =>
    Object.values(files).flatMap((fact) => {
      if ('made' in fact) return [fact.made];
      return 'initfs' in fact ? [fact.initfs.bootstrap, ...of(fact.initfs.files)] : [];
    });
  return image.partitions.flatMap(({ files }) => of(files).map(componentOf));
}
