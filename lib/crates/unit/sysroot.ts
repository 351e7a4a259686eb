// The sysroot of a triple: the C library, and what else programs of a system are linked with, at one place in the sandbox. Its files are inputs by
// content. An action gets only the part that it may read, so that a change of the rest does not repeat it. Does not know how a C library is built.
import type { ActionRecord, Staged } from '../../actions/action.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { places } from './places.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import type { Sysroot } from '../project.ts';
import { isBuildScript, isPlainLibrary, isScriptRun } from '../plan/unit-graph.ts';

/** The inputs of an action, to which a sysroot is added. */
interface Inputs {
  readonly inputs: Record<string, Digest>;
  readonly layout: Record<string, Staged>;
}

/**
 * Whether a unit of the sysroot's triple may read it: what is linked, a library with a build script, which may name native libraries, and the run of
 * a script. A script of the user's own sees it always. One of another package sees it where it has dependencies or links a native library. Other
 * third-party scripts ask rustc for its version or write a source file. They do not run again when the C library changes, and since they do not see
 * it, their results cannot depend on it. Those of the standard library never see it: compiler_builtins has `links`, so that all scripts run after its
 * own, and compiles no C.
 */
export function mayReadSysroot(
  { unit, owner, place }: Pick<PlannedUnit, 'unit' | 'owner' | 'place'>,
  below: readonly PlannedUnit[],
): boolean {
  if (!isScriptRun(unit)) return !isPlainLibrary(unit) || below.some((one) => isScriptRun(one.unit));
  const ofOthers = below.filter((one) => !one.unit.isStd);
  const hasDependencies = ofOthers.some((one) => !isBuildScript(one.unit) || one.dependencies.length > 0);
  return !unit.isStd && (!place.immutable || owner.links !== undefined || hasDependencies);
}

/** Adds the libraries and objects that a linker may read. */
export function addLibraries(sysroot: Sysroot, to: Inputs): void {
  add(sysroot, to, (path) => /^(?:usr\/)?lib(?:\/|$)/.test(path));
}

/** Adds the native libraries that a library bundles, which rustc reads when it compiles that: "static=z" is usr/lib/libz.a. */
export function addBundled(sysroot: Sysroot, linkLibs: readonly string[], to: Inputs): void {
  const names = linkLibs.flatMap((word) => /^static(?::[^=]*)?=([^:]+)/.exec(word)?.[1] ?? []);
  const paths = names.flatMap((name) => [`usr/lib/lib${name}.a`, `usr/lib/${name}`]).filter((path) => sysroot.files[path] !== undefined);
  if (paths.length > 0) add(sysroot, to, (path) => paths.includes(path) || path === 'lib');
}

/** Adds the whole sysroot: a script may compile C, which reads headers, and link it. */
export function addSysroot(sysroot: Sysroot, to: Inputs): void {
  add(sysroot, to, () => true);
}

function add({ files, layout: given }: Sysroot, { inputs, layout }: Inputs, isWanted: (path: string) => boolean): void {
  for (const [path, digest] of Object.entries(files)) if (isWanted(path)) inputs[`${places.sysroot}/${path}`] = digest;
  for (const [path, staged] of Object.entries(given)) if (isWanted(path)) layout[`${places.sysroot}/${path}`] = staged;
}

/** The variables and tools of a script that sees the sysroot. */
export function scriptAdditions({ env, tools }: Sysroot, declared: Readonly<Record<string, string>>): Pick<ActionRecord, 'env' | 'tools'> {
  return { env: Object.fromEntries(Object.entries(env).filter(([name]) => declared[name] === undefined)), tools };
}

/** Whether the content store has every file. One that is gone has to be built again by the caller, which knows how. */
export async function isWhole({ files }: Sysroot, { content }: Pick<Cache, 'content'>): Promise<boolean> {
  const there = await Promise.all([...new Set(Object.values(files))].map((digest) => content.has(digest)));
  return there.every(Boolean);
}
