// Converts a recipe of the template cargo to a project of the crate compiler, and its compiled programs to a stage. Programs go to usr/bin, as with
// `cargo install --root STAGE/usr`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cannot } from '../core/errors.ts';
import type { CompiledProject } from '../crates/compiled.ts';
import type { Project } from '../crates/project.ts';
import type { Recipe } from './recipe.ts';
import type { Stage } from './stages.ts';

export interface CargoRecipeRequest {
  /** Absolute path of the source, with its patches applied. */
  readonly source: string;
  /** The host's triple if it is undefined. */
  readonly triple: string | undefined;
  /** Files of Cargo configuration, absolute. */
  readonly cargoConfigs: readonly string[];
  /** Variables that the user declared. */
  readonly env: Readonly<Record<string, string>>;
}

/** Returns the name of a recipe's project, which is different from the names of components. */
export function projectName(recipe: string): string {
  return `recipe ${recipe}`;
}

/** Returns the project. Throws a Failure that names the flag if the crate compiler does not have it. */
export function cargoRecipe(recipe: Recipe, { source, triple, env, cargoConfigs }: CargoRecipeRequest): Project {
  const { name, build } = recipe;
  const chosen = choice(recipe);
  const dir = join(source, chosen.manifest ?? build.cargo.path);
  if (!existsSync(join(dir, 'Cargo.toml'))) throw cannot(`build the recipe ${name}`, `"${dir}" has no Cargo.toml`);
  if (build.cargo.examples.length > 0) throw lacks(recipe, 'a compiler of examples; the template custom has cookbook_cargo_examples');
  return {
    name: projectName(name),
    dir,
    packages: [...build.cargo.packages, ...chosen.packages],
    bins: chosen.bins,
    lib: false,
    features: chosen.features,
    defaultFeatures: chosen.defaultFeatures,
    profile: chosen.profile,
    triple,
    buildStd: [],
    buildStdFeatures: [],
    cargoConfigs,
    env,
  };
}

interface Choice {
  readonly packages: readonly string[];
  readonly bins: readonly string[];
  readonly features: readonly string[];
  readonly defaultFeatures: boolean;
  readonly profile: string;
  /** The folder of --manifest-path, within the source. */
  readonly manifest: string | undefined;
}

/** Parses `cargoflags`. */
function choice(recipe: Recipe): Choice {
  const values = {
    package: [] as string[],
    bin: [] as string[],
    features: [] as string[],
    profile: ['release'],
    'manifest-path': [] as string[],
  };
  let defaultFeatures = true;
  const words = recipe.build.flags.flatMap((flag) => flag.trim().split(/\s+|=(?=.)/)).map((word) => short[word] ?? word);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const name = word.replace(/^--/, '');
    if (word === '--no-default-features') defaultFeatures = false;
    else if (word.startsWith('--') && isValued(name, values)) {
      const value = words.shift();
      if (value === undefined) throw cannot(`build the recipe ${recipe.name}`, `its flag ${word} has no value`);
      values[name].push(value);
    } else if (!implied.includes(word)) throw lacks(recipe, `a compiler that knows the flag ${word}`);
  }
  const path = values['manifest-path'].at(-1)?.replaceAll(/\$\{?COOKBOOK_SOURCE\}?\/?|"/g, '');
  const manifest = path?.replace(/\/?Cargo\.toml$/, '');
  return {
    packages: values.package,
    bins: values.bin,
    features: values.features.flatMap((list) => list.split(',')),
    defaultFeatures,
    profile: values.profile.at(-1) ?? 'release',
    manifest: manifest === '' ? '.' : manifest,
  };
}

const short: Readonly<Record<string, string>> = { '-p': '--package', '-F': '--features' };
/** Flags without effect, because they apply to every build. */
const implied = ['--release', '--locked', '--offline', '--frozen', '--bins'];

function isValued<T extends object>(name: string, values: T): name is string & keyof T {
  return Object.hasOwn(values, name);
}

function lacks({ name }: Recipe, what: string): Error {
  return cannot(`build the recipe ${name}`, `it lacks ${what}`);
}

/** Returns the stage of a compiled recipe. */
export function compiledStage(name: string, { outputs }: CompiledProject): Stage {
  const programs = [...outputs].filter(([, { role }]) => role === 'program');
  return {
    name,
    artifacts: programs.map(([file, { digest, sizeBytes }]) => {
      const path = `usr/bin/${file.slice(file.lastIndexOf('/') + 1)}`;
      return { kind: 'file' as const, path, digest, sizeBytes, executable: true };
    }),
  };
}
