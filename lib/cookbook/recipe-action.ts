// The action of a recipe: its command, its places in the sandbox, and its key. The source is an input as a whole tree. The stages of dependencies are
// inputs by content, so that a dependency that is rebuilt to the same bytes rebuilds nothing.
import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Artifact, Staged } from '../actions/action.ts';
import type { Job } from '../actions/lookup.ts';
import { digestOfTree, root } from '../actions/place.ts';
import type { Sandbox } from '../actions/sandbox/sandbox.ts';

import type { Cache } from '../cache/cache.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { timelessEnv } from '../crates/unit/env.ts';
import { crossEnv, crossNames, crossPlaces, crossPrograms } from './cross-tools.ts';
import { sandboxPath } from './host-programs.ts';
import type { HostPrograms } from './host-programs.ts';
import { buildScript, callsCargo, programWords } from './recipe-script.ts';
import type { SourceFolder } from './recipe-source.ts';
import type { Recipe } from './recipe.ts';
import type { Stage } from './stages.ts';
import { vendoredConfigs } from './upstream-recipes.ts';
import { composedSysroot, storedFile } from './sysroot.ts';

/** Additional inputs of a build for another triple than the host's. */
export interface Cross {
  /** The stage of the C library; undefined for the C library itself. */
  readonly library: Stage | undefined;
  /** Absolute path of the Cargo configuration with the flags that programs are linked by. */
  readonly cargoConfig: string;
}

/** The toolchain of scripts that call cargo themselves. */
export interface ScriptToolchain {
  /** Absolute. */
  readonly sysroot: string;
  readonly identity: Digest;
}

export interface RecipeActionRequest {
  readonly recipe: Recipe;
  /** 'source': the output is the source with its patches and its script applied. */
  readonly makes: 'stage' | 'source';
  readonly source: SourceFolder;
  /** Stages of build dependencies, direct and indirect, and of dev-dependencies. */
  readonly dependencies: readonly Stage[];
  readonly devDependencies: readonly Stage[];
  /** The triple that recipes are built for. */
  readonly target: string;
  /** Present if the triple is not the host's. */
  readonly cross?: Cross | undefined;
  readonly toolchain: ScriptToolchain | undefined;
  readonly programs: HostPrograms;
  readonly jobs: number;
  readonly sandbox: Sandbox['kind'];
  readonly cache: Cache;
}

const places = {
  tree: `${root}/tree`,
  patches: `${root}/patches`,
  script: `${root}/script`,
  recipe: `${root}/recipe`,
  sysroot: `${root}/sysroot`,
  host: `${root}/host`,
  toolchain: `${root}/toolchain`,
  crates: `${root}/crates`,
  work: `${root}/work`,
};
/** The folder of the stage in the output folder: the first part of the path of every artifact. */
export const stageFolder = 'stage';

const copySource = 'cp -R --preserve=mode,links "${COOKBOOK_SOURCE}/." "${COOKBOOK_STAGE}/"\nCOOKBOOK_NOSTRIP=1\n';

/** Returns the job for the action cache. Throws a Failure if two dependencies install the same path. */
export async function recipeJob(request: RecipeActionRequest): Promise<Job> {
  const { recipe, makes, source, target, cache, programs, sandbox, jobs } = request;
  const cross = makes === 'stage' ? request.cross : undefined;
  const named = makes === 'source' ? ['bash', 'cp', 'find', 'patch', 'touch', ...programWords(recipe)] : programWords(recipe);
  const words = [...named, ...(cross ? crossPrograms : [])];
  const toolchain = makes === 'stage' && callsCargo(recipe) ? request.toolchain : undefined;
  const files = await givenFiles(request);
  const crates = toolchain ? await cratesOf(request) : undefined;
  const others = request.dependencies.filter(({ name }) => name !== cross?.library?.name);
  const added = cross && (await crossFiles(target, cross, cache));
  const sysroots = [
    sysroot(places.sysroot, `build the recipe ${recipe.name}`, cross?.library ? [cross.library, ...others] : others),
    sysroot(places.host, `build the recipe ${recipe.name}`, request.devDependencies),
  ];
  const mounts = {
    ...(source.folder === undefined ? {} : { [places.tree]: source.folder }),
    ...(toolchain ? { [places.toolchain]: toolchain.sysroot } : {}),
    ...(crates === undefined ? {} : { [places.crates]: crates }),
  };
  return {
    action: {
      label: makes === 'source' ? `${recipe.name} (source)` : recipe.name,
      record: {
        format: 3,
        kind: 'recipe',
        argv: ['bash', `${places.script}/run.sh`, places.tree, places.patches, places.script],
        cwd: places.work,
        env: environment(recipe, target, toolchain !== undefined, cross !== undefined),
        tools: { ...(await programs.identities(words)), ...(toolchain ? { rust: toolchain.identity } : {}) },
        trees: {
          ...(source.folder === undefined ? {} : { [places.tree]: await digestOfTree(source.folder, cache) }),
          ...(crates === undefined ? {} : { [places.crates]: await digestOfTree(crates, cache) }),
        },
        files: {},
        inputs: { ...files, ...sysroots[0]?.inputs, ...sysroots[1]?.inputs, ...added?.inputs },
        layout: {
          ...Object.fromEntries(Object.keys(files).map((place) => [place, 'data' as const])),
          ...sysroots[0]?.layout,
          ...sysroots[1]?.layout,
          ...added?.layout,
        },
        outputDir: places.work,
        sandbox,
      },
      mounts,
      ambientEnv: { COOKBOOK_MAKE_JOBS: String(jobs), MAKEFLAGS: `-j${jobs}`, CARGO_BUILD_JOBS: String(jobs) },
    },
    declaredEnv: {},
    discover: () => Promise.resolve({ files: [], variables: [] }),
  };
}

/** Returns the folder of the vendored crates that the source's Cargo.lock names; undefined if they were not fetched. */
async function cratesOf({ recipe, source, cache }: RecipeActionRequest): Promise<string | undefined> {
  const [config] = source.folder === undefined ? [] : await vendoredConfigs(recipe, source.folder, cache.root);
  return config === undefined ? undefined : dirname(dirname(config));
}

/** Returns the artifacts of an action as a stage, with paths below the stage's folder. */
export function stageOf(name: string, artifacts: readonly Artifact[]): Stage {
  const prefix = `${stageFolder}/`;
  return {
    name,
    artifacts: artifacts.flatMap((one) => (one.path.startsWith(prefix) ? [{ ...one, path: one.path.slice(prefix.length) }] : [])),
  };
}

function environment({ name, build }: Recipe, target: string, cargo: boolean, cross: boolean): Readonly<Record<string, string>> {
  const work = (folder: string): string => `${places.work}/${folder}`;
  return {
    ...timelessEnv,
    PATH: [`${places.host}/usr/bin`, ...(cross ? [crossPlaces.bin] : []), ...(cargo ? [`${places.toolchain}/bin`] : []), sandboxPath].join(
      ':',
    ),
    HOME: '/tmp',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    TARGET: target,
    GNU_TARGET: target,
    CC: 'cc',
    CXX: 'c++',
    AR: 'ar',
    COOKBOOK_NAME: name,
    COOKBOOK_RECIPE: places.recipe,
    COOKBOOK_SOURCE: work('source'),
    COOKBOOK_BUILD: work('build'),
    COOKBOOK_STAGE: work(stageFolder),
    COOKBOOK_SYSROOT: places.sysroot,
    COOKBOOK_HOST_SYSROOT: places.host,
    COOKBOOK_TOOLCHAIN: places.toolchain,
    COOKBOOK_CARGO: 'cargo',
    COOKBOOK_DYNAMIC: build.template === 'custom' ? '' : '1',
    COOKBOOK_OFFLINE: '1',
    ...(cross ? crossEnv(target) : {}),
    CARGO_HOME: '/tmp/cargo',
    CARGO_TARGET_DIR: `${places.work}/build/cargo`,
  };
}

/** Returns the script. In a build for another triple, its functions come first. */
function scriptOf(recipe: Recipe, cross: Cross | undefined): string {
  const functions = cross ? `cross="${dirname(crossPlaces.functions)}"\n. "${crossPlaces.functions}"\n` : '';
  return `${functions}${buildScript(recipe)}`;
}

/** Returns the digests of patches, scripts and the files next to recipe.toml, by place. */
async function givenFiles({ recipe, makes, source, cross, cache }: RecipeActionRequest): Promise<Readonly<Record<string, Digest>>> {
  const own = async (name: string): Promise<Digest> => await storedFile(join(import.meta.dirname, name), cache);
  const inputs: Record<string, Digest> = {
    [`${places.script}/run.sh`]: await own('run-recipe.sh'),
    [`${places.script}/functions.sh`]: await own('script-functions.sh'),
    [`${places.script}/build.sh`]: await cache.content.putBytes(makes === 'source' ? copySource : scriptOf(recipe, cross)),
    [`${places.script}/source.sh`]: await cache.content.putBytes(source.script),
  };
  for (const [index, patch] of source.patches.entries()) {
    inputs[`${places.patches}/${String(index + 1).padStart(3, '0')}-${basename(patch)}`] = await storedFile(patch, cache);
  }
  if (makes === 'stage')
    for (const path of filesNextTo(recipe)) inputs[`${places.recipe}/${basename(path)}`] = await storedFile(path, cache);
  return inputs;
}

/** Returns the plain files next to recipe.toml, whose own content is in the record already. */
function filesNextTo({ path }: Recipe): readonly string[] {
  const folder = dirname(path);
  const names = readdirSync(folder).filter((name) => name !== 'recipe.toml');
  return names
    .sort(byCodeUnit)
    .map((name) => join(folder, name))
    .filter((file) => lstatSync(file).isFile());
}

/** Returns the inputs of a sysroot composed of stages, and what is staged between them. */
function sysroot(
  place: string,
  what: string,
  stages: readonly Stage[],
): { readonly inputs: Readonly<Record<string, Digest>>; readonly layout: Readonly<Record<string, Staged>> } {
  const inputs: Record<string, Digest> = {};
  const layout: Record<string, Staged> = {};
  const composed = composedSysroot(what, stages);
  for (const [path, staged] of Object.entries(composed.layout)) layout[`${place}/${path}`] = staged;
  for (const [path, { digest, executable }] of Object.entries(composed.files)) {
    inputs[`${place}/${path}`] = digest;
    layout[`${place}/${path}`] = executable ? 'program' : 'data';
  }
  return { inputs, layout };
}

/** Returns the tools and functions of a build for another triple, by place. */
async function crossFiles(target: string, cross: Cross, cache: Cache): Promise<Pick<ReturnType<typeof sysroot>, 'inputs' | 'layout'>> {
  const own = (name: string): Promise<Digest> => storedFile(join(import.meta.dirname, name), cache);
  const tool = await own('cross-tool.sh');
  const programs = crossNames(target).map((name) => `${crossPlaces.bin}/${name}`);
  const inputs = {
    ...Object.fromEntries(programs.map((place) => [place, tool])),
    [crossPlaces.functions]: await own('cross-functions.sh'),
    [crossPlaces.cargo]: await storedFile(cross.cargoConfig, cache),
  };
  return {
    inputs,
    layout: Object.fromEntries(
      Object.keys(inputs).map((place) => [place, programs.includes(place) ? ('program' as const) : ('data' as const)]),
    ),
  };
}
