// The action of a recipe: its command, its places in the sandbox, and its key. The source is an input as a whole tree. The stages of dependencies are
// inputs by content, so that a dependency that is rebuilt to the same bytes rebuilds nothing.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Artifact, Staged } from '../build/action.ts';
import type { Job } from '../build/lookup.ts';
import { digestOfTree } from '../build/place-digest.ts';
import { root } from '../build/sandbox.ts';
import type { Sandbox } from '../build/sandbox.ts';

import type { Cache } from '../cache/cache.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { timelessEnv } from '../crates/unit-env.ts';
import { sandboxPath } from './host-programs.ts';
import type { HostPrograms } from './host-programs.ts';
import { buildScript, callsCargo, programWords } from './recipe-script.ts';
import type { SourceFolder } from './recipe-source.ts';
import type { Recipe } from './recipe.ts';
import { merged } from './stages.ts';
import type { Stage } from './stages.ts';

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
  work: `${root}/work`,
};
/** The folder of the stage in the output folder: the first part of the path of every artifact. */
export const stageFolder = 'stage';

const copySource = 'cp -R --preserve=mode,links "${COOKBOOK_SOURCE}/." "${COOKBOOK_STAGE}/"\nCOOKBOOK_NOSTRIP=1\n';

/** Returns the job for the action cache. Throws a Failure if two dependencies install the same path. */
export async function recipeJob(request: RecipeActionRequest): Promise<Job> {
  const { recipe, makes, source, target, cache, programs, sandbox, jobs } = request;
  const words = makes === 'source' ? ['bash', 'cp', 'find', 'patch', 'touch', ...programWords(recipe)] : programWords(recipe);
  const toolchain = makes === 'stage' && callsCargo(recipe) ? request.toolchain : undefined;
  const files = await givenFiles(request);
  const sysroots = [
    sysroot(places.sysroot, `build the recipe ${recipe.name}`, request.dependencies),
    sysroot(places.host, `build the recipe ${recipe.name}`, request.devDependencies),
  ];
  const mounts = {
    ...(source.folder === undefined ? {} : { [places.tree]: source.folder }),
    ...(toolchain ? { [places.toolchain]: toolchain.sysroot } : {}),
  };
  return {
    action: {
      label: makes === 'source' ? `${recipe.name} (source)` : recipe.name,
      record: {
        format: 3,
        kind: 'recipe',
        argv: ['bash', `${places.script}/run.sh`, places.tree, places.patches, places.script],
        cwd: places.work,
        env: environment(recipe, target, toolchain !== undefined),
        tools: { ...(await programs.identities(words)), ...(toolchain ? { rust: toolchain.identity } : {}) },
        trees: source.folder === undefined ? {} : { [places.tree]: await digestOfTree(source.folder, cache) },
        files: {},
        inputs: { ...files, ...sysroots[0]?.inputs, ...sysroots[1]?.inputs },
        layout: {
          ...Object.fromEntries(Object.keys(files).map((place) => [place, 'data' as const])),
          ...sysroots[0]?.layout,
          ...sysroots[1]?.layout,
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

/** Returns the artifacts of an action as a stage, with paths below the stage's folder. */
export function stageOf(name: string, artifacts: readonly Artifact[]): Stage {
  const prefix = `${stageFolder}/`;
  return {
    name,
    artifacts: artifacts.flatMap((one) => (one.path.startsWith(prefix) ? [{ ...one, path: one.path.slice(prefix.length) }] : [])),
  };
}

function environment({ name, build }: Recipe, target: string, cargo: boolean): Readonly<Record<string, string>> {
  const work = (folder: string): string => `${places.work}/${folder}`;
  return {
    ...timelessEnv,
    PATH: [`${places.host}/usr/bin`, ...(cargo ? [`${places.toolchain}/bin`] : []), sandboxPath].join(':'),
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
    CARGO_HOME: '/tmp/cargo',
    CARGO_TARGET_DIR: `${places.work}/build/cargo`,
  };
}

/** Returns the digests of patches, scripts and the files next to recipe.toml, by place. */
async function givenFiles({ recipe, makes, source, cache }: RecipeActionRequest): Promise<Readonly<Record<string, Digest>>> {
  const own = async (name: string): Promise<Digest> => await putFile(join(import.meta.dirname, name), cache);
  const inputs: Record<string, Digest> = {
    [`${places.script}/run.sh`]: await own('run-recipe.sh'),
    [`${places.script}/functions.sh`]: await own('script-functions.sh'),
    [`${places.script}/build.sh`]: await cache.content.putBytes(makes === 'source' ? copySource : buildScript(recipe)),
    [`${places.script}/source.sh`]: await cache.content.putBytes(source.script),
  };
  for (const [index, patch] of source.patches.entries()) {
    inputs[`${places.patches}/${String(index + 1).padStart(3, '0')}-${basename(patch)}`] = await putFile(patch, cache);
  }
  if (makes === 'stage') for (const path of filesNextTo(recipe)) inputs[`${places.recipe}/${basename(path)}`] = await putFile(path, cache);
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

async function putFile(path: string, { digests, content }: Cache): Promise<Digest> {
  const digest = await digests.file(path);
  return digest !== undefined && (await content.has(digest)) ? digest : await content.putBytes(readFileSync(path));
}

/** Returns the inputs of a sysroot composed of stages. Its bin, include, lib and share are links to the folders in usr. */
function sysroot(
  place: string,
  what: string,
  stages: readonly Stage[],
): { readonly inputs: Readonly<Record<string, Digest>>; readonly layout: Readonly<Record<string, Staged>> } {
  const inputs: Record<string, Digest> = {};
  const layout: Record<string, Staged> = { [`${place}/usr`]: 'folder' };
  const moved = stages.map(({ name, artifacts }) => ({ name, artifacts: artifacts.map((one) => ({ ...one, path: inUsr(one.path) })) }));
  for (const [path, { artifact }] of merged(moved, what)) {
    const at = `${place}/${path}`;
    if (artifact.kind === 'folder') layout[at] = 'folder';
    else if (artifact.kind === 'link') layout[at] = `link ${artifact.target}`;
    else {
      inputs[at] = artifact.digest;
      layout[at] = artifact.executable ? 'program' : 'data';
    }
  }
  for (const name of usrFolders) {
    layout[`${place}/usr/${name}`] ??= 'folder';
    layout[`${place}/${name}`] = `link usr/${name}`;
  }
  return { inputs, layout };
}

const usrFolders = ['bin', 'include', 'lib', 'share'];

function inUsr(path: string): string {
  return usrFolders.some((name) => path.startsWith(`${name}/`)) ? `usr/${path}` : path;
}
