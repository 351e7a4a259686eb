// Determines which inputs a unit's run read: the files in the user's folders that the tracer observed, the
// files that cargo's protocol declares, and variables. Reads rustc's dep-info from the store.
import { matched } from '../../core/errors.ts';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { filesOfResult } from '../../actions/action.ts';
import type { Action, ActionResult } from '../../actions/action.ts';
import { anyVariable } from '../../actions/lookup.ts';
import type { Discovered } from '../../actions/lookup.ts';
import { allOf, digestOfPlace, hostPath, isBelow, packageOf, plainPlace, repositoryOf, root } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import { encodePath } from '../../core/paths.ts';
import type { Digest } from '../../core/digest.ts';
import { linkClosure } from '../plan/planned-unit.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isProcMacro, needsOnlyMetadata } from '../plan/unit-graph.ts';
import { parseDirectives } from './directives.ts';
import { ownPlace, ownPlaces } from './places.ts';
import { pathsOfUnit } from './source-view.ts';

export interface ReadsContext {
  /** Built units by index in the plan. */
  readonly built: ReadonlyMap<number, BuiltUnit>;
  readonly cache: Cache;
}

/**
 * Returns the files that a package's own script declares. They are inputs of the package's compilation too,
 * as in cargo, because macros and the linker may read them.
 */
export async function declaredFiles(scripts: readonly BuiltUnit[], cache: Cache): Promise<Readonly<Record<string, Digest | null>>> {
  const files: Record<string, Digest | null> = {};
  for (const { planned, directives } of scripts) {
    const paths = pathsOfUnit(planned);
    for (const place of declaredInputs(planned, directives?.rerunIfChanged ?? [])) files[place] = await digestOfPlace(place, paths, cache);
  }
  return files;
}

/**
 * Returns the files that rustc read, from the tracer. Without it: from the dep-info, and, because macros and
 * the linker read more, all of the user's trees.
 */
export async function rustcReads(
  planned: PlannedUnit,
  result: ActionResult,
  read: readonly string[] | undefined,
  { record, own }: Action,
  context: ReadsContext,
): Promise<Discovered> {
  const depInfo = filesOfResult(result).find(({ path }) => path.endsWith('.d'));
  const text = depInfo && (await context.cache.content.read(depInfo.digest));
  const { files, variables } = parseDepInfo(text?.toString() ?? '');
  const placesRead = files.map((file) => (file.startsWith('/') ? file : posix.join(record.cwd, file)));
  const ours = placesRead.filter((place) => isBelow(place, own?.counted ?? []));
  const all = read ?? (own?.counted ?? []).map(repositoryOf);
  return { files: [...new Set([...ours, ...all])], variables: mayReadAny(planned, context) ? [anyVariable] : variables };
}

/**
 * Whether any variable may have been read: by a procedural macro, or by a linker or a wrapper that the user
 * chose. rustc does not report such reads.
 */
function mayReadAny(planned: PlannedUnit, { built }: ReadsContext): boolean {
  if (planned.linker !== undefined && !needsOnlyMetadata(planned.unit)) return true;
  return linkClosure(planned, built).some((library) => isProcMacro(library.planned.unit));
}

/**
 * Returns the inputs of a script: the files that it read and declared, or its whole package, and every
 * declared variable, because it may read them without declaring it.
 */
export function scriptReads(planned: PlannedUnit, result: ActionResult, read: readonly string[] | undefined): Discovered {
  const variables = [anyVariable];
  const { place, trees } = planned;
  if (place.immutable) return { files: [], variables };
  const { rerunIfChanged, rerunIfEnvChanged } = parseDirectives(result.stdout, planned.owner.name);
  const silent = rerunIfChanged.length + rerunIfEnvChanged.length === 0 && !planned.scriptOutput;
  const declared = silent ? [packageOf(place.dir)] : declaredInputs(planned, rerunIfChanged);
  const roots = trees.roots.map((path) => repositoryOf(ownPlace(trees, path) ?? path));
  const files = [...new Set([...declared, ...(read ?? roots)])];
  const always = rerunIfChanged.some((path) => isKernels(posix.resolve(place.dir, path)));
  const paths = silent || declared.length === 0 ? {} : pathsOfUnit(planned);
  const missing = silent ? [] : declared.filter((one) => !existsSync(encodePath(hostPath(plainPlace(one), paths))));
  return { files, variables, ...(always || missing.length > 0 ? { always: true } : {}) };
}

/**
 * Returns the places that a script declares, ignoring its other output, because it may have failed before its
 * end.
 */
export function declaredPlaces(planned: PlannedUnit, stdout: string): readonly string[] {
  const paths = [...stdout.matchAll(/^cargo::?rerun-if-changed=([^\n]+)$/gm)].map((match) => matched(match, 1));
  return declaredInputs(planned, paths).map(plainPlace);
}

/**
 * Returns declared paths as inputs: places of the user's folders and paths of the host, without those that
 * the sandbox itself provides.
 */
function declaredInputs({ place }: PlannedUnit, paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const absolute = posix.resolve(place.dir, path);
    if ((absolute.startsWith(`${root}/`) && !isBelow(absolute, [ownPlaces])) || isKernels(absolute)) return [];
    // A folder around the package contains the package's target folder.
    return [isBelow(place.dir, [absolute]) ? repositoryOf(absolute) : allOf(absolute)];
  });
}

/**
 * Whether a path is a file that the kernel generates, or the root folder, which contains them. Reading one
 * may never end (/proc/kmsg) or fail. Their time is that of the read, so cargo runs the script every time.
 */
function isKernels(path: string): boolean {
  return path === '/' || isBelow(path, ['/proc', '/sys', '/dev']);
}

export interface DepInfo {
  /** Paths as rustc writes them: relative to its working directory, or absolute. */
  readonly files: readonly string[];
  /** Names of variables that env!() and option_env!() read, set or not. */
  readonly variables: readonly string[];
}

export function parseDepInfo(text: string): DepInfo {
  const files = new Set<string>();
  const variables = new Set<string>();
  for (const line of text.split('\n')) {
    const variable = /^# env-dep:([^=]*)/.exec(line)?.[1];
    if (variable !== undefined) variables.add(variable);
    // Every input is also a separate target "path:", so that make accepts that it is missing.
    const alone = /^(\S.*):$/.exec(line)?.[1];
    if (alone !== undefined && !line.startsWith('#')) files.add(alone.replaceAll('\\ ', ' '));
  }
  return { files: [...files], variables: [...variables] };
}
