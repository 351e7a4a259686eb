// Creates an action from a planned unit and the results of its dependencies: its command line, environment
// and inputs, and how the files that it additionally read are determined.
import { filesOfResult } from '../../actions/action.ts';
import type { Action, ActionRecord, Staged } from '../../actions/action.ts';
import type { Job } from '../../actions/lookup.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import {
  addBundledLibraries,
  addOutDir,
  addSysroot,
  addSysrootLibraries,
  artifactsFor,
  libraryArtifacts,
  outDirOf,
  outDirsOf,
  scriptAdditions,
} from './inputs.ts';
import { below, linkClosure, ownScripts } from '../plan/planned-unit.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isBuildScript, isProcMacro, isScriptRun, needsOnlyMetadata } from '../plan/unit-graph.ts';
import type { Tools } from '../toolchain/identity.ts';
import type { Directives } from './directives.ts';
import { depEnv, packageEnv, rustcEnv, scriptEnv, testEnv, timelessEnv } from './env.ts';
import { places, wrapperEnv, wrapperWords } from './places.ts';
import { declaredFiles, declaredPlaces, rustcReads, scriptReads } from './reads.ts';
import { rustcArgs } from './rustc-args.ts';
import { sourceView, verifyVendored } from './source-view.ts';

export interface ActionContext {
  /** Built units by index in the plan, with all dependencies of the unit. */
  readonly built: ReadonlyMap<number, BuiltUnit>;
  readonly tools: Tools;
  readonly sandbox: ActionRecord['sandbox'];
  readonly cache: Cache;
  readonly jobs: number;
  /** The user's home folder, which is in no sandbox. A failure because of it is explained. */
  readonly home?: string | undefined;
}

/**
 * Settings for rustc's own allocator (jemalloc; others ignore them): memory that is kept, in few arenas, because
 * short compilations would otherwise clear pages that they never use. A compiler that runs alone may have `jobs`
 * threads. Huge pages saved 0 to 6 % of a program's CPU time. An incremental compilation uses little of the memory
 * that they clear: those of sudo-rs took 17 % longer with them.
 */
function allocator(jobs: number, incremental: boolean): string {
  const pages = incremental ? '' : 'thp:always,metadata_thp:auto,';
  return `${pages}narenas:${Math.max(1, Math.ceil(jobs / 2))},dirty_decay_ms:-1,muzzy_decay_ms:-1`;
}

export async function jobOf(planned: PlannedUnit, context: ActionContext): Promise<Job> {
  const isRun = isScriptRun(planned.unit);
  if (planned.place.immutable && planned.owner.source !== undefined) await verifyVendored(planned.owner.dir, planned.label, context.cache);
  const { action, wholes } = isRun ? await scriptAction(planned, context) : await rustcAction(planned, context);
  return {
    action,
    // Whether a package was named by the user is rarely read. It counts only if it is read, so that projects
    // share results.
    declaredEnv: { ...planned.declaredEnv, ...(planned.primary && !isRun ? { CARGO_PRIMARY_PACKAGE: '1' } : {}) },
    ...(isRun && !planned.place.immutable ? { declares: (stdout: string) => declaredPlaces(planned, stdout) } : {}),
    ...(context.home === undefined ? {} : { home: context.home }),
    discover: async (result, read) => {
      const found = isRun ? scriptReads(planned, result, read) : await rustcReads(planned, result, read, action, context);
      return { ...found, files: [...new Set([...found.files, ...wholes])] };
    },
  };
}

/** An action, and the user's folders in which everything is an input. */
interface Described {
  readonly action: Action;
  readonly wholes: readonly string[];
}

async function rustcAction(planned: PlannedUnit, context: ActionContext): Promise<Described> {
  const { unit } = planned;
  const metadataOnly = needsOnlyMetadata(unit);
  const libraries = linkClosure(planned, context.built);
  const own = ownScripts(planned, context.built);
  // A proc macro is already linked, so the output of its script is not needed here.
  const linked = libraries.filter((library) => !isProcMacro(library.planned.unit));
  const scripts = new Set([...own, ...linked.flatMap((library) => ownScripts(library.planned, context.built))]);
  const artifacts = artifactsFor(planned, context.built);
  const inputs: Record<string, Digest> = { ...artifacts.inputs };
  const layout: Record<string, Staged> = {};
  for (const library of libraries) {
    const artifacts = libraryArtifacts(library, metadataOnly);
    if (artifacts.length === 0) throw cannot(`build ${planned.label}`, `the compilation of ${library.planned.label} left no library`);
    for (const { path, digest } of artifacts) inputs[`${places.deps}/${path}`] = digest;
  }
  const macros = libraries
    .filter(({ planned: { unit: one } }) => isProcMacro(one))
    .flatMap((macro) => [macro, ...below(macro.planned, context.built)]);
  const near = [...(metadataOnly ? own : scripts), ...macros.filter(({ planned: one }) => isScriptRun(one.unit))];
  for (const script of near) addOutDir(script, { inputs, layout }, false);
  if (planned.sysroot && metadataOnly) {
    const named = own.flatMap(({ directives }) => directives?.linkLibs ?? []);
    addBundledLibraries(planned.sysroot, named, { inputs, layout });
  } else if (planned.sysroot) addSysrootLibraries(planned.sysroot, { inputs, layout });
  const externs = planned.dependencies.flatMap(({ index, name, options }) => {
    const dependency = context.built.get(index);
    if (!dependency || isScriptRun(dependency.planned.unit)) return [];
    return libraryArtifacts(dependency, metadataOnly).map(({ path }) => ({ name, path: `${places.deps}/${path}`, options }));
  });
  const files = planned.place.immutable ? {} : await declaredFiles(own, context.cache);
  const said = [...scripts].flatMap((script) => (script.directives ? [{ own: own.includes(script), directives: script.directives }] : []));
  const linkers = metadataOnly ? [] : [...scripts].filter(({ directives }) => directives && namesFilesToLink(directives));
  const view = await sourceView(planned, companionsOf(planned, [...macros, ...linkers]), context.home, context.cache);
  const action: Action = {
    label: planned.label,
    record: {
      format: 3,
      kind: 'rustc',
      argv: [
        ...wrapperWords(planned.wrappers),
        `${places.toolchain}/bin/rustc`,
        ...rustcArgs(planned, { hash: planned.hash, externs, scripts: said }),
      ],
      cwd: planned.place.cwd,
      env: {
        ...heeded(planned.declaredEnv),
        ...planned.wrappers.memberEnv,
        ...planned.configEnv,
        ...packageEnv(planned.owner, planned.place),
        ...artifacts.env,
        ...testEnv(planned, planned.triple),
        ...rustcEnv(unit, {
          outDirs: outDirsOf(own),
          scriptEnv: Object.assign({}, ...own.map(({ directives }) => directives?.env)),
          bootstrap: needsBootstrap(planned, externs),
        }),
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
      ...(Object.keys(layout).length > 0 ? { layout } : {}),
      outputDir: places.out,
      sandbox: context.sandbox,
      ...(planned.checkout ? { checkout: planned.checkout.id } : {}),
    },
    mounts: view.mounts,
    ...(view.own ? { own: { ...view.own, mayWrite: own.map((script) => outDirOf(script.planned)) } } : {}),
    ambientEnv: { MALLOC_CONF: allocator(context.jobs, planned.checkout !== undefined) },
  };
  return { action, wholes: view.wholes };
}

/**
 * Whether a stable compiler has to accept unstable options: for the standard library, target files and
 * options of externs.
 */
function needsBootstrap(
  { unit, toolchain, targetFile }: PlannedUnit,
  externs: readonly { readonly options: readonly string[] }[],
): boolean {
  const isStable = !/nightly|dev/.test(toolchain.release);
  return unit.isStd || (isStable && (externs.some(({ options }) => options.length > 0) || targetFile !== undefined));
}

/** Whether its directives can name files outside of its output folder that the linker reads. */
function namesFilesToLink({ linkArgs, linkLibs, linkSearch }: Directives): boolean {
  return linkArgs.length + linkLibs.length + linkSearch.length > 0;
}

/**
 * Declared variables that rustc, the linker or the loader use themselves. They count although no source reads
 * them.
 */
function heeded(declared: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = /^(?:RUST|CARGO_|LD_|GCC_|COLLECT_|COMPILER_PATH$|LIBRARY_PATH$|PATH$|LANG$|LC_|TMPDIR$|SDKROOT$|SOURCE_DATE_EPOCH$)/;
  return Object.fromEntries(Object.entries(declared).filter(([name]) => names.test(name)));
}

async function scriptAction(planned: PlannedUnit, context: ActionContext): Promise<Described> {
  const dependencies = planned.dependencies.flatMap(({ index }) => context.built.get(index) ?? []);
  const script = dependencies.find((dependency) => isBuildScript(dependency.planned.unit));
  const program = script && filesOfResult(script.result).find(({ path, executable }) => executable && !path.endsWith('.d'));
  const { scriptOutput } = planned;
  if (!scriptOutput && !(script && program)) throw cannot(`run the build script of ${planned.label}`, 'its compilation left no program');
  const place = script && `${places.build}/${planned.owner.name}-${script.planned.hash}/${script.planned.unit.target.name}`;
  const artifacts = artifactsFor(planned, context.built);
  const inputs: Record<string, Digest> = { ...(place !== undefined && program ? { [place]: program.digest } : {}), ...artifacts.inputs };
  const layout: Record<string, Staged> = {};
  const native: Record<string, string> = {};
  for (const dependency of dependencies) {
    if (!dependency.directives || dependency.planned.owner.links === undefined) continue;
    Object.assign(native, depEnv(dependency.planned.owner.links, dependency.directives.metadata));
  }
  // A library of the script, or a DEP_ variable, may lead it to a program in the package or the output folder
  // of another unit below it.
  const near = below(planned, context.built).filter((one) => one !== script);
  for (const one of near) if (isScriptRun(one.planned.unit)) addOutDir(one, { inputs, layout }, true);
  if (planned.sysroot) addSysroot(planned.sysroot, { inputs, layout });
  const additions = planned.sysroot && scriptAdditions(planned.sysroot, planned.declaredEnv);
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
  const view = await sourceView(planned, companionsOf(planned, near), context.home, context.cache);
  const defaults = Object.entries(timelessEnv).filter(([name]) => planned.declaredEnv[name] === undefined);
  const action: Action = {
    label: planned.label,
    record: {
      format: 3,
      kind: 'build-script',
      argv: scriptOutput ? ['/usr/bin/printf', '%s\\n', ...scriptOutput] : [place ?? ''],
      cwd: planned.place.dir,
      env: {
        ...Object.fromEntries(defaults),
        ...additions?.env,
        ...planned.configEnv,
        ...packageEnv(planned.owner, planned.place),
        ...artifacts.env,
        ...scriptEnv(planned.unit, planned.owner, run),
        ...wrapperEnv(planned.wrappers),
      },
      tools: {
        rustc: context.tools.rustc,
        linker: context.tools.linker,
        nativeLibraries: context.tools.nativeLibraries,
        ...additions?.tools,
      },
      trees: view.trees,
      files: { ...view.files, ...(planned.targetFile ? { [planned.target ?? '']: planned.targetFile.digest } : {}) },
      inputs,
      ...(Object.keys(layout).length > 0 ? { layout } : {}),
      outputDir: outDirOf(planned),
      sandbox: context.sandbox,
      ...(planned.granted?.network ? { network: true } : {}),
    },
    mounts: view.mounts,
    ...(view.own ? { own: view.own } : {}),
    ambientEnv: { NUM_JOBS: String(context.jobs), ...homeOf(planned, context) },
  };
  return { action, wholes: view.wholes };
}

/** Cargo and other tools that a script starts need a home folder. In the sandbox it is an empty one. */
function homeOf({ declaredEnv }: PlannedUnit, { sandbox, home }: ActionContext): Readonly<Record<string, string>> {
  if (declaredEnv['HOME'] !== undefined) return {};
  return sandbox === 'none' ? (home === undefined ? {} : { HOME: home }) : { HOME: '/tmp' };
}

/** Returns one unit for each other package. */
function companionsOf(planned: PlannedUnit, units: readonly BuiltUnit[]): readonly PlannedUnit[] {
  const byFolder = new Map(units.map((one) => [one.planned.owner.dir, one.planned]));
  byFolder.delete(planned.owner.dir);
  return [...byFolder.values()];
}
