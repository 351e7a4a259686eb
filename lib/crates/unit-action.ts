// From a planned unit and the results of its dependencies to an action: its command line, environment, inputs, and how its run tells
// what else it read. Pure but for reading dep-info out of the store.
import type { Action, ActionRecord, ActionResult, Artifact } from '../build/action.ts';
import { anyVariable, digestOfPlace } from '../build/lookup.ts';
import type { Discovered, Job } from '../build/lookup.ts';
import type { Cache } from '../cache/cache.ts';
import type { Digest } from '../core/digest.ts';
import { artifactsFor } from './artifact-dependencies.ts';
import { parseDepInfo } from './dep-info.ts';
import { parseDirectives } from './directives.ts';
import type { Directives } from './directives.ts';
import { places } from './places.ts';
import { mountsOf, rustcView, scriptView, wholeFolders } from './source-view.ts';
import type { PlannedUnit } from './plan.ts';
import { rustcArgs } from './rustc-args.ts';
import { depEnv, packageEnv, rustcEnv, scriptEnv, timelessEnv } from './unit-env.ts';
import { isBuildScript, isLinkable, isPlainLibrary, isProcMacro, isScriptRun } from './unit-graph.ts';

/** A unit that is done. `directives` are those of a build script's run. */
export interface BuiltUnit {
  readonly planned: PlannedUnit;
  readonly result: ActionResult;
  readonly directives: Directives | undefined;
}

/** What the host adds to keys. */
export interface Tools {
  readonly rustc: Digest;
  /** The standard library of the target, where it is the toolchain's own and not the host's. */
  readonly target: Digest | undefined;
  readonly linker: Digest;
  /** Programs that the configuration starts in front of rustc. */
  readonly wrappers: Digest | undefined;
  /** The native libraries that build scripts can find (pkg-config's files). */
  readonly nativeLibraries: Digest;
}

export interface ActionContext {
  /** Built units by index in the plan; all dependencies of the unit are there. */
  readonly built: ReadonlyMap<number, BuiltUnit>;
  readonly tools: Tools;
  readonly sandbox: ActionRecord['sandbox'];
  readonly cache: Cache;
  readonly jobs: number;
  /** The person's home folder: no action sees it, and a failure that comes of it says so. */
  readonly home?: string | undefined;
}

/**
 * For rustc's own allocator (jemalloc; others ignore it): memory in huge pages and kept, in few arenas, or short compilations would clear pages
 * that they never use. A compiler that runs alone may have `jobs` threads. Huge pages took nothing to 6 % off a program's CPU time.
 */
const allocator = (jobs: number): string => {
  const arenas = Math.max(1, Math.ceil(jobs / 2));
  return `thp:always,metadata_thp:auto,narenas:${arenas},dirty_decay_ms:-1,muzzy_decay_ms:-1`;
};

/** Where a build script's run writes. */
export function outDirOf(planned: PlannedUnit): string {
  return `${places.build}/${planned.owner.name}-${planned.hash}/out`;
}

export async function jobOf(planned: PlannedUnit, context: ActionContext): Promise<Job> {
  const action = isScriptRun(planned.unit) ? await scriptAction(planned, context) : await rustcAction(planned, context);
  return {
    action,
    // Whether a package was asked for by name is seldom read; it counts where it is, so that projects share what they have in common.
    declaredEnv: { ...planned.declaredEnv, ...(planned.primary && !isScriptRun(planned.unit) ? { CARGO_PRIMARY_PACKAGE: '1' } : {}) },
    ...(isScriptRun(planned.unit) ? { declares: (stdout: string) => declaredPlaces(planned, stdout) } : {}),
    ...(context.home === undefined ? {} : { home: context.home }),
    discover: async (result) => {
      if (!isScriptRun(planned.unit)) return rustcReads(planned, result, action, context);
      const { files, variables } = scriptReads(planned, result);
      return { files: [...new Set([...files, ...wholeFolders(companionsOf(planned, context.built))])], variables };
    },
  };
}

/**
 * What users of a library link to: its rlib, its shared library, or both where it is made as both; for a library's own compilation only its
 * metadata, where it has any. In the order of its crate types.
 */
export function libraryArtifacts({ planned, result }: BuiltUnit, metadataOnly: boolean): readonly Artifact[] {
  const has = (suffix: string): readonly Artifact[] => result.artifacts.filter(({ path }) => path.endsWith(suffix));
  if (metadataOnly && isPlainLibrary(planned.unit)) return has('.rmeta');
  return planned.unit.target.crateTypes.flatMap((type) => {
    if (type === 'dylib' || type === 'proc-macro') return [...has('.so'), ...has('.dylib')];
    return type === 'lib' || type === 'rlib' ? has('.rlib') : [];
  });
}

async function rustcAction(planned: PlannedUnit, context: ActionContext): Promise<Action> {
  const { unit } = planned;
  const metadataOnly = isPlainLibrary(unit);
  const libraries = linkClosure(planned, context.built);
  const own = ownScripts(planned, context.built);
  // A proc macro was linked when it was made: what its script said is of no concern here.
  const linked = libraries.filter((library) => !isProcMacro(library.planned.unit));
  const scripts = new Set([...own, ...linked.flatMap((library) => ownScripts(library.planned, context.built))]);
  const artifacts = artifactsFor(planned, context.built);
  const inputs: Record<string, Digest> = { ...artifacts.inputs };
  for (const library of libraries) {
    const artifacts = libraryArtifacts(library, metadataOnly);
    if (artifacts.length === 0) throw new Error(`${planned.label} is to be linked before ${library.planned.label} is whole`);
    for (const { path, digest } of artifacts) inputs[`${places.deps}/${path}`] = digest;
  }
  for (const script of metadataOnly ? own : scripts) Object.assign(inputs, outDirInputs(script));
  const externs = planned.dependencies.flatMap(({ index, name, options }) => {
    const dependency = context.built.get(index);
    if (!dependency || isScriptRun(dependency.planned.unit)) return [];
    return libraryArtifacts(dependency, metadataOnly).map(({ path }) => ({ name, path: `${places.deps}/${path}`, options }));
  });
  const files = await linkedFiles(metadataOnly ? own : [...scripts], context.cache);
  const said = [...scripts].flatMap((script) => (script.directives ? [{ own: own.includes(script), directives: script.directives }] : []));
  const bootstrap =
    unit.isStd ||
    (!/nightly|dev/.test(planned.toolchain.release) &&
      (externs.some(({ options }) => options.length > 0) || planned.targetFile !== undefined));
  const view = await rustcView(planned, context.cache);
  return {
    label: planned.label,
    record: {
      format: 1,
      kind: 'rustc',
      argv: [...wrapperWords(planned), `${places.toolchain}/bin/rustc`, ...rustcArgs(planned, { hash: planned.hash, externs, scripts: said })],
      cwd: planned.place.cwd,
      env: {
        ...planned.configEnv,
        ...packageEnv(planned.owner, planned.place),
        ...artifacts.env,
        ...rustcEnv(unit, { outDirs: outDirsOf(own), scriptEnv: Object.assign({}, ...own.map(({ directives }) => directives?.env)), bootstrap }),
      },
      tools: {
        rustc: context.tools.rustc,
        ...(context.tools.target !== undefined && planned.target !== undefined ? { target: context.tools.target } : {}),
        ...(metadataOnly ? {} : { linker: context.tools.linker }),
        ...(context.tools.wrappers === undefined ? {} : { wrappers: context.tools.wrappers }),
      },
      trees: view.trees,
      files: { ...view.files, ...files, ...(planned.targetFile ? { [planned.target ?? '']: planned.targetFile.digest } : {}) },
      inputs,
      outputDir: places.out,
      sandbox: context.sandbox,
      ...(planned.checkout ? { checkout: planned.checkout.id } : {}),
    },
    mounts: view.mounts,
    ambientEnv: { MALLOC_CONF: allocator(context.jobs) },
  };
}

async function scriptAction(planned: PlannedUnit, context: ActionContext): Promise<Action> {
  const dependencies = planned.dependencies.flatMap(({ index }) => context.built.get(index) ?? []);
  const script = dependencies.find((dependency) => isBuildScript(dependency.planned.unit));
  const program = script?.result.artifacts.find(({ path, executable }) => executable && !path.endsWith('.d'));
  if (!script || !program) throw new Error(`the build script of ${planned.label} was not compiled`);
  const place = `${places.build}/${planned.owner.name}-${script.planned.hash}/${script.planned.unit.target.name}`;
  const artifacts = artifactsFor(planned, context.built);
  const inputs: Record<string, Digest> = { [place]: program.digest, ...artifacts.inputs };
  const native: Record<string, string> = {};
  for (const dependency of dependencies) {
    if (!dependency.directives || dependency.planned.owner.links === undefined) continue;
    Object.assign(native, depEnv(dependency.planned.owner.links, dependency.directives.metadata));
    Object.assign(inputs, outDirInputs(dependency));
  }
  const run = {
    outDir: outDirOf(planned),
    target: planned.triple,
    host: planned.toolchain.host,
    cfgs: planned.cfgs,
    linker: planned.linker,
    rustflags: planned.rustflags,
    profileName: planned.profileName,
    trimPaths: planned.trimPaths,
    dependencies: native,
  };
  const view = await scriptView(planned, companionsOf(planned, context.built), context.sandbox, context.cache);
  return {
    label: planned.label,
    record: {
      format: 1,
      kind: 'build-script',
      argv: [place],
      cwd: planned.place.dir,
      env: {
        ...timelessEnv,
        ...planned.configEnv,
        ...packageEnv(planned.owner, planned.place),
        ...artifacts.env,
        ...scriptEnv(planned.unit, planned.owner, run),
        ...(planned.wrappers.all ? { RUSTC_WRAPPER: planned.wrappers.all.word } : {}),
        ...(planned.wrappers.members ? { RUSTC_WORKSPACE_WRAPPER: planned.wrappers.members.word } : {}),
      },
      tools: { rustc: context.tools.rustc, linker: context.tools.linker, nativeLibraries: context.tools.nativeLibraries },
      trees: view.trees,
      files: { ...view.files, ...(planned.targetFile ? { [planned.target ?? '']: planned.targetFile.digest } : {}) },
      inputs,
      outputDir: outDirOf(planned),
      sandbox: context.sandbox,
      ...(planned.granted?.network ? { network: true } : {}),
    },
    mounts: view.mounts,
    ...(view.shown ? { shown: view.shown } : {}),
    ambientEnv: { NUM_JOBS: String(context.jobs) },
  };
}

/** What rustc is started by: the wrapper for all packages is the outermost. */
function wrapperWords({ wrappers: { all, members } }: PlannedUnit): readonly string[] {
  return [all, members].flatMap((program) => program?.word ?? []);
}

/** Packages that were declared to a script: what it is linked from, and whose own script told it something. */
function companionsOf(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly PlannedUnit[] {
  const dependencies = planned.dependencies.flatMap(({ index }) => built.get(index) ?? []);
  const companions = dependencies.flatMap(({ planned: unit }) => {
    if (isScriptRun(unit.unit)) return unit.owner.links === undefined ? [] : [unit];
    return unit.dependencies.flatMap(({ index }) => built.get(index)?.planned ?? []);
  });
  return companions.filter(({ owner }) => owner.dir !== planned.owner.dir);
}

/** Everything that rustc may have to load for this unit: libraries below it, and proc macros, whose own libraries it never sees. */
function linkClosure(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  const found = new Set<BuiltUnit>();
  const visit = (unit: PlannedUnit): void => {
    for (const { index } of unit.dependencies) {
      const dependency = built.get(index);
      if (!dependency || found.has(dependency) || isScriptRun(dependency.planned.unit) || !isLinkable(dependency.planned.unit)) continue;
      found.add(dependency);
      if (!isProcMacro(dependency.planned.unit)) visit(dependency.planned);
    }
  };
  visit(planned);
  return [...found];
}

/** The runs of the unit's own build scripts: one, or several of a nightly package. */
function ownScripts(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): readonly BuiltUnit[] {
  return planned.dependencies.flatMap(({ index }) => built.get(index) ?? []).filter((dependency) => isScriptRun(dependency.planned.unit));
}

/** OUT_DIR is that of the first script; where there are several, each has a variable of its own. */
function outDirsOf(scripts: readonly BuiltUnit[]): Readonly<Record<string, string>> {
  const [first] = scripts;
  const named = scripts.map(({ planned }) => [`${planned.unit.target.name.replace(/^build-script-/, '')}_OUT_DIR`, outDirOf(planned)]);
  return { ...(first ? { OUT_DIR: outDirOf(first.planned) } : {}), ...(scripts.length > 1 ? Object.fromEntries(named) : {}) };
}

function outDirInputs(script: BuiltUnit): Readonly<Record<string, Digest>> {
  return Object.fromEntries(script.result.artifacts.map(({ path, digest }) => [`${outDirOf(script.planned)}/${path}`, digest]));
}

/**
 * A script may hand the linker files of its own package (a linker script, a prebuilt library), which nothing else names. What the script
 * itself depends on then counts for the link too, as it does for cargo.
 */
async function linkedFiles(scripts: readonly BuiltUnit[], cache: Cache): Promise<Readonly<Record<string, Digest | null>>> {
  const files: Record<string, Digest | null> = {};
  for (const { planned, result, directives } of scripts) {
    if (
      planned.place.immutable ||
      !directives ||
      directives.linkArgs.length + directives.linkLibs.length + directives.linkSearch.length === 0
    )
      continue;
    for (const place of scriptReads(planned, result).files) files[place] = await digestOfPlace(place, mountsOf(planned), cache);
  }
  return files;
}

async function rustcReads(
  planned: PlannedUnit,
  result: ActionResult,
  action: Action,
  { cache, built }: ActionContext,
): Promise<Discovered> {
  const depInfo = result.artifacts.find(({ path }) => path.endsWith('.d'));
  const text = depInfo && (await cache.content.read(depInfo.digest));
  const { files, variables } = parseDepInfo(text?.toString() ?? '');
  const ours = Object.entries(action.mounts);
  const placesRead = files.flatMap((file) => {
    const absolute = file.startsWith('/') ? file : `${planned.place.cwd}/${file}`;
    const mount = ours.find(([, hostDir]) => absolute.startsWith(`${hostDir}/`));
    const place = mount ? mount[0] + absolute.slice(mount[1].length) : absolute;
    const known = [places.build, places.out, places.deps, places.toolchain, ...(planned.place.immutable ? [planned.place.mount] : [])];
    return known.some((prefix) => place.startsWith(`${prefix}/`)) ? [] : [place];
  });
  // A proc macro may read any variable, and rustc does not know of it.
  const opaque = planned.dependencies.some(({ index }) => {
    const unit = built.get(index)?.planned.unit;
    return unit !== undefined && isProcMacro(unit);
  });
  return { files: placesRead, variables: opaque ? [anyVariable] : variables };
}

/** A script depends on what it says, or on its whole package; on every declared variable, because it may read them unsaid. */
function scriptReads(planned: PlannedUnit, result: ActionResult): Discovered {
  const variables = [anyVariable];
  if (planned.place.immutable) return { files: [], variables };
  const { rerunIfChanged, rerunIfEnvChanged } = parseDirectives(result.stdout, planned.owner.name);
  if (rerunIfChanged.length + rerunIfEnvChanged.length === 0) return { files: [`${planned.place.dir}/`], variables };
  return { files: rerunIfChanged.map((path) => (path.startsWith('/') ? path : `${planned.place.dir}/${path}`)), variables };
}

/** What a script says it reads, whatever else it says: it may have failed in the middle. */
function declaredPlaces({ place }: PlannedUnit, stdout: string): readonly string[] {
  const paths = [...stdout.matchAll(/^cargo::?rerun-if-changed=(.+)$/gm)].map((match) => match[1] ?? '');
  return paths.map((path) => (path.startsWith('/') ? path : `${place.dir}/${path}`));
}
