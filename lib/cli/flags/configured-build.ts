// The flags for the content of an image, and the system that they select: a profile of the page, or the user's own configuration.
import { cannot } from '../../core/errors.ts';
import { hostTriple } from '../../cookbook/host-triple.ts';
import type { BuildRequest } from '../../assemble/build-request.ts';
import { libraryAtHand } from '../../assemble/recipes/c-library.ts';
import type { ConfiguredPackages } from '../../assemble/configured-system.ts';
import type { SourceChoice } from '../../system/component.ts';
import { defaultProfile, isConfigured } from '../../system/system.ts';
import type { System } from '../../system/system.ts';
import type { Flag } from '../command-line.ts';
import { cacheDirOf } from '../task.ts';
import type { Task } from '../task.ts';
import { pathOf } from '../../core/paths.ts';

export const configurationFlags = {
  config: { type: 'string', value: 'FILE', help: 'a configuration of your own in place of a profile: users, network, packages, files' },
  cookbook: { type: 'string', value: 'DIR', help: "a cookbook like Redox's: its recipes are built for packages of their names" },
  'keep-going': { type: 'boolean', help: 'after a recipe failed, build those that do not depend on it' },
  size: { type: 'string', value: 'MB', help: "the size of the image (default: the configuration's)" },
} as const satisfies Record<string, Flag>;

export interface ConfiguredBuild {
  readonly system: System;
  readonly profile: string;
  /** Sources of components. Those of recipes are in `recipes`. */
  readonly sources: SourceChoice;
  /** Present for a profile with a configuration. */
  readonly packages?: ConfiguredPackages | undefined;
  readonly recipes?: BuildRequest['recipes'];
}

/** Returns the system with its configuration applied. Throws a Failure for flags that need a configuration if the profile has none. */
export async function configuredBuild(task: Task, page: System, sources: SourceChoice, root: string): Promise<ConfiguredBuild> {
  const { args, path } = task;
  const [config, named] = [args.text('config'), args.text('profile')];
  if (config !== undefined && named !== undefined) {
    throw cannot('read the command line', '--config replaces --profile', {
      blame: 'usage',
      hint: `include = ["${named}.toml"] in the file`,
    });
  }
  const profile = named ?? defaultProfile(page);
  const sizeMiB = args.count('size', 1);
  const folder = args.text('cookbook');
  if (config === undefined && !isConfigured(page, profile)) {
    for (const flag of ['size', 'cookbook']) {
      if (args.text(flag) === undefined) continue;
      throw cannot(`use --${flag}`, `no configuration defines the image of ${page.name}, profile ${profile}`, { blame: 'usage' });
    }
    return { system: page, profile, sources };
  }
  const opened = folder === undefined ? undefined : await import('../../cookbook/cookbook.ts');
  const cookbook = await opened?.openCookbook(path(folder ?? ''));
  const recipes = new Set(cookbook?.paths.keys());
  const local = Object.entries(sources.local);
  const own = { ...sources, local: Object.fromEntries(local.filter(([name]) => !recipes.has(name))) };
  const request = { system: page, profile, sources: own, root, sizeMiB, recipes, cookbook: cookbook?.folder };
  const { configuredSystem } = await import('../../assemble/configured-system.ts'); // most systems have no configurations
  const configured = await configuredSystem({ ...request, config: config === undefined ? undefined : path(config) });
  if (!cookbook) return { ...configured, sources: own };
  const { withPackages } = await import('../../cookbook/pkgar.ts'); // most builds have no cookbook
  const host = { cacheDir: cacheDirOf(task), searchPath: pathOf(task.host.env), context: task };
  const ofRecipes = await withPackages(Object.fromEntries(local.filter(([name]) => recipes.has(name))), cookbook, host);
  const wanted = configured.packages.recipes;
  return { ...configured, sources: own, recipes: { cookbook, wanted, local: ofRecipes, keepGoing: args.has('keep-going') } };
}

/** Returns notes about the packages, which are printed before the build. */
export function packageNotes({ system, sources, packages, recipes: of }: Omit<ConfiguredBuild, 'profile'>): readonly string[] {
  if (!packages) return [];
  const { recipes, leftOut } = packages;
  const library = libraryAtHand(system.cLibrary, sources.local, of?.cookbook.paths);
  const how = library ? `${library.triple} with ${library.name}` : `${hostTriple()} with the host's C library`;
  const notes = [];
  if (recipes.length > 0) notes.push(`from recipes, compiled for ${how}: ${recipes.join(', ')}`);
  if (leftOut.length > 0) notes.push(`left out, because only upstream's sources have them: ${leftOut.join(', ')}`);
  return notes;
}
