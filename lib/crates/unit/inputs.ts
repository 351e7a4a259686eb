// The inputs of a unit's action from other units and from the system: libraries, output folders of build
// scripts, artifacts of dependencies (nightly; in the unit graph they are dependencies on units that no crate
// links to), and the sysroot of a triple, which has a fixed place in the sandbox. Files are inputs by
// content. An action gets only the part of a sysroot that it may read, so that a change of the rest does not
// repeat it.
import { filesOfResult } from '../../actions/action.ts';
import type { ActionRecord, FileArtifact, Staged } from '../../actions/action.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { MiB } from '../../core/sizes.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isBuildScript, isPlainLibrary, isScriptRun, needsOnlyMetadata } from '../plan/unit-graph.ts';
import type { Sysroot } from '../project.ts';
import { places } from './places.ts';

/** The inputs of an action so far. */
interface Inputs {
  readonly inputs: Record<string, Digest>;
  readonly layout: Record<string, Staged>;
}

/**
 * Whether a unit of the sysroot's triple may read it. These are linked units, a library with a build script,
 * which may name native libraries, and runs of scripts. A script of the user's own packages always sees it. A
 * script of another package sees it if it has dependencies or links a native library. Other third-party
 * scripts only ask rustc for its version or write a source file. They do not run again when the C library
 * changes, and their results cannot depend on it, because they do not see it. Scripts of the standard library
 * never see it: compiler_builtins has `links`, so that all scripts run after its own, and compiles no C.
 */
export function mayReadSysroot(
  { unit, owner, place }: Pick<PlannedUnit, 'unit' | 'owner' | 'place'>,
  below: readonly PlannedUnit[],
): boolean {
  if (!isScriptRun(unit)) return !needsOnlyMetadata(unit) || below.some((one) => isScriptRun(one.unit));
  const ofOthers = below.filter((one) => !one.unit.isStd);
  const hasDependencies = ofOthers.some((one) => !isBuildScript(one.unit) || one.dependencies.length > 0);
  return !unit.isStd && (!place.immutable || owner.links !== undefined || hasDependencies);
}

/** Adds the libraries and objects that a linker may read. */
export function addSysrootLibraries(sysroot: Sysroot, to: Inputs): void {
  addPart(sysroot, to, (path) => /^(?:usr\/)?lib(?:\/|$)/.test(path));
}

/**
 * Adds the native libraries that a library bundles, which rustc reads when it compiles the library:
 * "static=z" is usr/lib/libz.a.
 */
export function addBundledLibraries(sysroot: Sysroot, linkLibs: readonly string[], to: Inputs): void {
  const names = linkLibs.flatMap((word) => /^static(?::[^=]*)?=([^:]+)/.exec(word)?.[1] ?? []);
  const paths = names.flatMap((name) => [`usr/lib/lib${name}.a`, `usr/lib/${name}`]).filter((path) => sysroot.files[path] !== undefined);
  if (paths.length > 0) addPart(sysroot, to, (path) => paths.includes(path) || path === 'lib');
}

/** Adds the whole sysroot: a script may compile C, which reads headers, and link it. */
export function addSysroot(sysroot: Sysroot, to: Inputs): void {
  addPart(sysroot, to, () => true);
}

function addPart({ files, layout: given }: Sysroot, { inputs, layout }: Inputs, isWanted: (path: string) => boolean): void {
  for (const [path, digest] of Object.entries(files)) if (isWanted(path)) inputs[`${places.sysroot}/${path}`] = digest;
  for (const [path, staged] of Object.entries(given)) if (isWanted(path)) layout[`${places.sysroot}/${path}`] = staged;
}

/** Returns the variables and tools of a script that sees the sysroot. */
export function scriptAdditions({ env, tools }: Sysroot, declared: Readonly<Record<string, string>>): Pick<ActionRecord, 'env' | 'tools'> {
  return { env: Object.fromEntries(Object.entries(env).filter(([name]) => declared[name] === undefined)), tools };
}

/** Whether the content store has every file. The caller has to build missing ones again. */
export async function isWhole({ files }: Sysroot, { content }: Pick<Cache, 'content'>): Promise<boolean> {
  const there = await Promise.all([...new Set(Object.values(files))].map((digest) => content.has(digest)));
  return there.every(Boolean);
}

/** Returns the place of the folder into which a build script's run writes. */
export function outDirOf(planned: PlannedUnit): string {
  return `${places.build}/${planned.owner.name}-${planned.hash}/out`;
}

/**
 * Returns the files that dependents of a library link to: its rlib, its shared library, or both, in the order
 * of its crate types. For the compilation of a library, returns only the metadata if there is any.
 */
export function libraryArtifacts({ planned, result }: BuiltUnit, metadataOnly: boolean): readonly FileArtifact[] {
  const has = (suffix: string): readonly FileArtifact[] => filesOfResult(result).filter(({ path }) => path.endsWith(suffix));
  if (planned.unit.mode === 'check' || (metadataOnly && isPlainLibrary(planned.unit))) return has('.rmeta');
  return planned.unit.target.crateTypes.flatMap((type) => {
    if (type === 'dylib' || type === 'proc-macro') return [...has('.so'), ...has('.dylib')];
    return type === 'lib' || type === 'rlib' ? has('.rlib') : [];
  });
}

/** OUT_DIR is that of the first script. If there are several, each also has its own variable. */
export function outDirsOf(scripts: readonly BuiltUnit[]): Readonly<Record<string, string>> {
  const [first] = scripts;
  const named = scripts.map(({ planned }) => [`${planned.unit.target.name.replace(/^build-script-/, '')}_OUT_DIR`, outDirOf(planned)]);
  return { ...(first ? { OUT_DIR: outDirOf(first.planned) } : {}), ...(scripts.length > 1 ? Object.fromEntries(named) : {}) };
}

/**
 * Adds the OUT_DIR of a script's run to the inputs of an action. `copies`: for another script, which may copy
 * a file with its permissions and then write to the copy, so its files have cargo's permissions. Compilers
 * only read, and get links to the blobs, which are faster. Large files are always links.
 */
export function addOutDir(script: BuiltUnit, { inputs, layout }: Inputs, copies: boolean): void {
  const outDir = outDirOf(script.planned);
  if (script.result.artifacts.length === 0) layout[outDir] = 'folder';
  for (const artifact of script.result.artifacts) {
    const place = `${outDir}/${artifact.path}`;
    if (artifact.kind === 'folder') layout[place] = 'folder';
    if (artifact.kind === 'link') layout[place] = `link ${artifact.target}`;
    if (artifact.kind !== 'file') continue;
    inputs[place] = artifact.digest;
    if (copies && artifact.sizeBytes <= largestCopyBytes) layout[place] = artifact.executable ? 'program' : 'data';
  }
}

/**
 * Templates, headers and generated sources are smaller, and libraries that scripts compiled are often larger.
 * A copy takes much longer than a link.
 */
const largestCopyBytes = 4 * MiB;

type Env = Readonly<Record<string, string>>;

type ArtifactKind = 'bin' | 'cdylib' | 'staticlib';

/** Returns variables with the paths of the files, and the files by their places. */
export function artifactsFor(
  planned: PlannedUnit,
  built: ReadonlyMap<number, BuiltUnit>,
): { readonly env: Env; readonly inputs: Readonly<Record<string, Digest>> } {
  const env: Record<string, string> = {};
  const inputs: Record<string, Digest> = {};
  for (const { index, name } of planned.dependencies) {
    const dependency = built.get(index);
    // A test depends on the programs of its own package, whose paths it gets in other variables.
    const kind = dependency && dependency.planned.owner.id !== planned.owner.id ? artifactKindOf(dependency.planned) : undefined;
    if (!dependency || !kind) continue;
    const { owner, hash, unit } = dependency.planned;
    const folder = `${places.deps}/artifact/${owner.name}-${hash}/${kind}`;
    const dependencyName = dependencyNameOf(planned, owner.name, name);
    const upper = dependencyName.toUpperCase().replaceAll('-', '_');
    const type = kind.toUpperCase();
    for (const { path, digest } of filesOfResult(dependency.result).filter((artifact) => isArtifactOf(kind, artifact))) {
      const place = `${folder}/${path}`;
      inputs[place] = digest;
      env[`CARGO_${type}_DIR_${upper}`] = folder;
      env[`CARGO_${type}_FILE_${upper}_${unit.target.name}`] = place;
      if (unit.target.name === dependencyName) env[`CARGO_${type}_FILE_${upper}`] = place;
    }
  }
  return { env, inputs };
}

/** Returns the kind of artifact of a dependency, or undefined if it is linked or run. */
function artifactKindOf({ unit }: PlannedUnit): ArtifactKind | undefined {
  if (isScriptRun(unit) || isBuildScript(unit)) return undefined;
  if (unit.target.kind.includes('bin')) return 'bin';
  const [only, ...others] = unit.target.crateTypes;
  return others.length === 0 && (only === 'cdylib' || only === 'staticlib') ? only : undefined;
}

function isArtifactOf(kind: ArtifactKind, { path, executable }: FileArtifact): boolean {
  if (kind === 'staticlib') return /\.(?:a|lib)$/.test(path);
  if (kind === 'cdylib') return /\.(?:so|dylib|dll|wasm)$/.test(path);
  return executable && !/\.(?:d|dwp|dwo|pdb)$/.test(path);
}

/**
 * Returns the dependency's name in the manifest. The unit graph has that name if it differs from the
 * package's, otherwise the name of the crate.
 */
function dependencyNameOf({ owner }: PlannedUnit, packageName: string, externName: string): string {
  const named = owner.artifacts.filter(({ name }) => name === packageName);
  const found =
    named.find((entry) => entry.as.replaceAll('-', '_') === externName) ?? named.find((entry) => entry.as === packageName) ?? named[0];
  return found?.as ?? packageName;
}
