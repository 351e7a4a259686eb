// The C library of a system: the recipe that builds it, and the sysroot for programs. This module knows no
// system.
import { join } from 'node:path';
import type { SourceRequest } from '../../cookbook/recipe-source.ts';
import { crossSysroot } from '../../cookbook/cross-tools.ts';
import { hostPrograms } from '../../cookbook/host-programs.ts';
import type { Cross } from '../../cookbook/recipe-action.ts';
import type { Recipe } from '../../cookbook/recipe.ts';
import type { Stage } from '../../cookbook/stages.ts';
import { inUsr } from '../../cookbook/sysroot.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Project, Sysroot } from '../../crates/project.ts';
import type { CLibrary } from '../../system/component.ts';

/** A C library that has been built, and its effect on projects and recipes. */
export interface BuiltCLibrary {
  readonly facts: CLibrary;
  /** The files that the library installs. */
  readonly stage: Stage;
  readonly sysroot: Sysroot;
  readonly cross: Cross;
}

/**
 * Returns the C library that recipes are linked with, if its source is available: the user's own, or a recipe
 * of the cookbook.
 */
export function libraryAtHand(
  facts: CLibrary | undefined,
  local: SourceRequest['local'],
  recipes: { has(name: string): boolean } | undefined,
): CLibrary | undefined {
  return facts && (local[facts.name] !== undefined || recipes?.has(facts.name) === true) ? facts : undefined;
}

/**
 * Returns the recipe of a C library that is built with make from `folder`. The folder is passed as a local
 * source, so that files next to it are not inputs.
 */
export function makeRecipe({ name, make }: CLibrary, folder: string): { readonly recipe: Recipe; readonly local: SourceRequest['local'] } {
  const words = ['-C "${COOKBOOK_SOURCE}"', '-j"${COOKBOOK_MAKE_JOBS}"', 'DESTDIR="${COOKBOOK_STAGE}/usr"', ...make.arguments.map(quoted)];
  // Programs that a script lists count by content. Listing "cargo" makes the toolchain available.
  const script = `# Runs: ${make.programs.join(' ')}\nneeds make\nmake ${words.join(' ')} install\n`;
  const recipe: Recipe = {
    name,
    path: join(folder, 'recipe.toml'),
    source: { kind: 'none' },
    build: {
      template: 'custom',
      script,
      flags: [],
      dependencies: [],
      devDependencies: [],
      cargo: { path: '.', packages: [], examples: [] },
    },
    packageDependencies: [],
    version: undefined,
    optionalPackages: [],
  };
  return { recipe, local: { [name]: folder } };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Returns the library with its stage, sysroot and compilers. `supplement` adds files that the library does
 * not have.
 */
export async function builtLibrary(
  facts: CLibrary,
  { stage, supplement }: { readonly stage: Stage; readonly supplement: Stage | undefined },
  { root, cache, signal }: { readonly root: string; readonly cache: Cache; readonly signal: AbortSignal },
): Promise<BuiltCLibrary> {
  const { triple, cargoConfig } = facts;
  const own = new Set(stage.artifacts.map(({ path }) => inUsr(path)));
  const missing = supplement?.artifacts.filter(({ kind, path }) => kind !== 'folder' && !own.has(inUsr(path))) ?? [];
  const library = { name: stage.name, artifacts: [...stage.artifacts, ...missing] };
  const sysroot = await crossSysroot(triple, library, hostPrograms(cache, signal).identities);
  return { facts, stage, sysroot, cross: { library, cargoConfig: join(root, cargoConfig) } };
}

/** Returns a project that is linked with the library. Projects of other triples are returned unchanged. */
export function linkedWith(project: Project, { facts, sysroot, cross }: Omit<BuiltCLibrary, 'stage'>): Project {
  if (project.triple !== facts.triple) return project;
  return { ...project, sysroot, cargoConfigs: [cross.cargoConfig, ...project.cargoConfigs] };
}
