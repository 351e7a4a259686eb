// The command line of rustc for one unit, in cargo's order (source: cargo's core/compiler/mod.rs). It has two
// parts: one follows from the plan alone and also names the unit, the other follows from the results of its
// dependencies. Also computes the arguments for link-time optimization: an rlib below an LTO binary contains
// only bitcode, and one that is needed in both ways contains both (source: cargo's core/compiler/lto.rs).
// Pure.
import type { LintArgs, Package } from '../cargo/package.ts';
import { isBuildScript, isLibrary, isPlainLibrary, isProcMacro } from '../plan/unit-graph.ts';
import type { Unit, UnitGraph } from '../plan/unit-graph.ts';
import type { Directives, LinkArg } from './directives.ts';
import { incrementalPlace, places } from './places.ts';
import type { Place } from './places.ts';

/** The planned data of a unit that is compiled. */
export interface Compilation {
  readonly unit: Unit;
  readonly owner: Package;
  readonly place: Place;
  /** Its source file for rustc: relative to the working directory in a workspace, otherwise absolute. */
  readonly source: string;
  readonly lto: Lto;
  readonly lints: LintArgs;
  /** `--target`: a triple or the place of a JSON target. Undefined for the host's own units. */
  readonly target: string | undefined;
  readonly linker: string | undefined;
  /** Whether the user named the package (CARGO_PRIMARY_PACKAGE). */
  readonly primary: boolean;
  /** Whether its tests are run by rustc's test harness, and not by their own main function. */
  readonly harness: boolean;
  /** The name of cargo's folder for the programs of the profile: "debug". */
  readonly profileDir: string;
  /** The arguments of -Ztrim-paths, which shorten paths in its outputs. */
  readonly trimmed: readonly string[];
  /** The flags of cargo's configuration, which come last. */
  readonly rustflags: readonly string[];
  /** Whether search folders are grouped by script, as in cargo before 1.88 (its pull request 15221). */
  readonly searchesByScript?: boolean;
  /** Whether checks of integration tests get the paths of programs, as from cargo before 1.93 (its pull request 16307). */
  readonly programsInChecks?: boolean;
}

/** Returns the arguments that follow from the plan. They contain no path of the host. */
export function plannedArgs(compilation: Compilation): readonly string[] {
  return [...crateArgs(compilation), ...platformArgs(compilation), ...capArgs(compilation)];
}

/** The data from the results of dependencies. */
export interface Linkage {
  /** The hash that distinguishes this unit's files from others with its name. */
  readonly hash: string;
  readonly externs: readonly { readonly name: string; readonly path: string; readonly options: readonly string[] }[];
  /** Build scripts of everything that it links, in cargo's order: its own first. */
  readonly scripts: readonly LinkedScript[];
}

export interface LinkedScript {
  /** Whether the script belongs to the unit's own package. */
  readonly own: boolean;
  readonly directives: Directives;
}

/** Returns all arguments. */
export function rustcArgs(compilation: Compilation, { hash, externs, scripts }: Linkage): readonly string[] {
  const { unit, rustflags } = compilation;
  const words = [
    ...crateArgs(compilation),
    '-C',
    `metadata=${hash}`,
    ...(hasPlainName(compilation) ? [] : ['-C', `extra-filename=-${hash}`]),
    ...(unit.profile.rpath ? ['-C', 'rpath'] : []),
    '--out-dir',
    places.out,
    ...platformArgs(compilation),
    '-L',
    `dependency=${places.deps}`,
    ...externs.flatMap(({ name, path, options }) => ['--extern', `${options.join()}${options.length > 0 ? ':' : ''}${name}=${path}`]),
    ...(isProcMacro(unit) ? ['--extern', 'proc_macro'] : []),
    ...(externs.some(({ options }) => options.length > 0) ? ['-Z', 'unstable-options'] : []),
    ...capArgs(compilation),
    ...rustflags,
    ...scriptArgs(compilation, scripts),
  ];
  return words.map(packedDebugInfo);
}

/**
 * Replaces the option for unpacked split debug information by the one for packed. Unpacked, it is in files
 * next to the objects, which a program names by their sandbox paths. Packed, it is one file next to the
 * program, which debuggers find by the program's name.
 */
function packedDebugInfo(word: string): string {
  return word.replace(/^((?:-C|--codegen=)?)split-debuginfo=unpacked$/, '$1split-debuginfo=packed');
}

/** Returns the arguments for the crate and its compilation: all that come before the unit's name. */
function crateArgs({ unit, owner, source, lto, lints, primary, trimmed, harness }: Compilation): readonly string[] {
  const { profile } = unit;
  const code = (...options: readonly string[]): string[] => options.flatMap((option) => ['-C', option]);
  return [
    '--crate-name',
    unit.target.name.replaceAll('-', '_'),
    `--edition=${unit.target.edition}`,
    source,
    '--error-format=json',
    '--json=diagnostic-rendered-ansi,artifacts,future-incompat',
    ...(unit.tested ? [] : unit.target.crateTypes.flatMap((type) => ['--crate-type', type])),
    emitArg(unit),
    ...(isProcMacro(unit) || (!unit.tested && unit.target.crateTypes.includes('dylib') && !primary) ? code('prefer-dynamic') : []),
    ...(profile.optLevel === '0' ? [] : code(`opt-level=${profile.optLevel}`)),
    ...(profile.panic === 'unwind' ? [] : code(`panic=${profile.panic}`)),
    ...ltoArgs(lto),
    ...(profile.codegenBackend === undefined ? [] : ['-Z', `codegen-backend=${profile.codegenBackend}`]),
    ...(profile.codegenUnits === undefined ? [] : code(`codegen-units=${profile.codegenUnits}`)),
    ...debugArgs(unit),
    ...trimmed,
    ...lints.flags,
    ...lints.checkCfg,
    ...profile.rustflags,
    ...assertionArgs(unit),
    ...(unit.tested ? (harness ? ['--test'] : ['--cfg', 'test']) : []),
    ...featureArgs(unit, owner),
  ];
}

/** Returns the arguments for the enabled and the declared features. */
export function featureArgs(unit: Unit, owner: Package): readonly string[] {
  return [
    ...unit.features.flatMap((feature) => ['--cfg', `feature="${feature}"`]),
    '--check-cfg',
    'cfg(docsrs,test)',
    '--check-cfg',
    `cfg(feature, values(${owner.features.map((feature) => `"${feature}"`).join(', ')}))`,
  ];
}

function emitArg(unit: Unit): string {
  if (unit.mode === 'check') return '--emit=dep-info,metadata';
  return isPlainLibrary(unit) ? '--emit=dep-info,metadata,link' : '--emit=dep-info,link';
}

/** Returns the arguments for the platform. */
function platformArgs({ unit, target, linker }: Compilation): readonly string[] {
  return [
    ...(target === undefined ? [] : ['--target', target]),
    ...(target?.endsWith('.json') ? ['-Zunstable-options'] : []),
    ...(linker === undefined ? [] : ['-C', `linker=${linker}`]),
    ...(unit.profile.incremental ? ['-C', `incremental=${incrementalPlace}`] : []),
    ...(unit.profile.strip === 'none' ? [] : ['-C', `strip=${unit.profile.strip}`]),
    ...(unit.isStd ? ['-Z', 'force-unstable-if-unmarked'] : []),
  ];
}

/** Caps lints for third-party packages and the standard library, as cargo does. */
function capArgs({ unit, place }: Compilation): readonly string[] {
  return place.foreign || unit.isStd ? ['--cap-lints', 'allow'] : [];
}

/**
 * The name of a shared library is written into the files that link it, so the user's own libraries have no
 * hash in their names.
 */
function hasPlainName({ unit, owner, target }: Compilation): boolean {
  const { crateTypes } = unit.target;
  if (unit.tested || unit.target.kind.includes('example')) return false;
  if (crateTypes.includes('bin')) return target?.startsWith('wasm32-') === true;
  return owner.source === undefined && (crateTypes.includes('dylib') || crateTypes.includes('cdylib'));
}

function scriptArgs(compilation: Compilation, scripts: readonly LinkedScript[]): readonly string[] {
  const { unit, owner, searchesByScript = false } = compilation;
  const inside = (path: string): boolean => path.replace(/^\w+=/, '').startsWith(`${places.build}/`);
  const search = scripts.flatMap(({ directives }) => directives.linkSearch);
  const takesLibs = !isBuildScript(unit) && (!owner.hasLibrary || isLibrary(unit));
  const own = scripts.filter((script) => script.own).map(({ directives }) => directives);
  return [
    // Folders inside of a build script's output folder come before the host's.
    ...(searchesByScript ? [] : searched([...search.filter(inside), ...search.filter((path) => !inside(path))])),
    ...scripts.flatMap(({ own: isOwn, directives: { linkSearch, linkLibs, linkArgs } }) => [
      ...(searchesByScript ? searched(linkSearch) : []),
      ...(isOwn && takesLibs ? linkLibs.flatMap((lib) => ['-l', lib]) : []),
      // Arguments for a cdylib are passed on from any package below it. This is a bug of cargo 1.50 that was
      // kept (cargo issue 9562).
      ...linkArgs.filter((arg) => reaches(arg, unit) && (isOwn || arg.for === 'cdylib')).flatMap(({ arg }) => ['-C', `link-arg=${arg}`]),
    ]),
    ...own.flatMap(({ cfgs }) => cfgs).flatMap((cfg) => ['--cfg', cfg]),
    ...own.flatMap(({ checkCfgs }) => checkCfgs).flatMap((cfg) => ['--check-cfg', cfg]),
  ];
}

function searched(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => ['-L', path]);
}

/** Whether the link argument is for this target. */
function reaches({ for: whom }: LinkArg, { target, tested }: Unit): boolean {
  const bin = target.kind.includes('bin');
  if (whom === 'all') return true;
  if (whom === 'bins') return bin;
  if (whom === 'cdylib') return !tested && target.crateTypes.includes('cdylib');
  if (typeof whom === 'object') return bin && target.name === whom.bin;
  if (whom === 'examples') return isExampleProgram(target);
  return target.kind.includes(whom === 'benches' ? 'bench' : whom.slice(0, -1));
}

/** Whether the target is an example with a main function. */
export function isExampleProgram({ kind, crateTypes }: Unit['target']): boolean {
  return kind.includes('example') && crateTypes.every((type) => type === 'bin');
}

function debugArgs({ profile }: Unit): readonly string[] {
  if (profile.debuginfo === '0' || profile.debuginfo === 'none') return [];
  const split = profile.splitDebuginfo === undefined ? [] : ['-C', `split-debuginfo=${profile.splitDebuginfo}`];
  return ['-C', `debuginfo=${profile.debuginfo}`, ...split];
}

/** Passed only if it differs from the default of the optimization level. */
function assertionArgs({ profile }: Unit): readonly string[] {
  const { debugAssertions, overflowChecks } = profile;
  const implied = profile.optLevel === '0';
  const assertions = debugAssertions === implied ? [] : ['-C', `debug-assertions=${debugAssertions ? 'on' : 'off'}`];
  const checks = overflowChecks === debugAssertions ? [] : ['-C', `overflow-checks=${overflowChecks ? 'on' : 'off'}`];
  return [...assertions, ...checks];
}

/** `run` is a final link with that kind of LTO ("" is the plain `-C lto`). */
export type Lto =
  { readonly kind: 'run'; readonly how: string } | { readonly kind: 'off' | 'only-bitcode' | 'only-object' | 'object-and-bitcode' };

const linkedTypes = ['bin', 'staticlib', 'cdylib'];
const dynamicTypes = ['dylib', 'cdylib', 'proc-macro'];

/** Returns the LTO state of every compiled unit, by index. */
export function ltoStates({ units, roots }: UnitGraph): readonly Lto[] {
  const states: (Lto | undefined)[] = units.map(() => undefined);
  const visit = (index: number, parent: Lto): void => {
    const unit = units[index];
    if (!unit) return;
    const before = states[index];
    const wanted = ownState(unit, parent);
    const merged = before ? mergedState(before, wanted) : wanted;
    if (before && sameState(before, merged)) return;
    states[index] = merged;
    for (const dependency of unit.dependencies) visit(dependency.index, merged);
  };
  for (const root of roots) {
    const unit = units[root];
    if (unit) visit(root, rootState(unit));
  }
  return states.map((state) => state ?? { kind: 'only-object' });
}

/** Returns the arguments for a state. */
export function ltoArgs(lto: Lto): readonly string[] {
  switch (lto.kind) {
    case 'run':
      return ['-C', lto.how === '' ? 'lto' : `lto=${lto.how}`];
    case 'off':
      return ['-C', 'lto=off', '-C', 'embed-bitcode=no'];
    case 'only-bitcode':
      return ['-C', 'linker-plugin-lto'];
    case 'only-object':
      return ['-C', 'embed-bitcode=no'];
    case 'object-and-bitcode':
      return [];
  }
}

function rootState(unit: Unit): Lto {
  if (unit.profile.lto === 'false') return { kind: 'only-object' };
  if (unit.profile.lto === 'off') return { kind: 'off' };
  if (forHost(unit)) return { kind: 'only-object' };
  return needsObject(unit) ? whenObjectIsNeeded(unit) : { kind: 'only-bitcode' };
}

function ownState(unit: Unit, parent: Lto): Lto {
  if (forHost(unit)) return { kind: 'only-object' };
  // Tests that are only checked count as their target.
  const isProgram = unit.mode === 'test' || unit.mode === 'doctest';
  if (isProgram || unit.target.crateTypes.every((type) => linkedTypes.includes(type))) return finalState(unit.profile.lto);
  if (parent.kind === 'run') return needsObject(unit) ? whenObjectIsNeeded(unit) : { kind: 'only-bitcode' };
  if (parent.kind === 'only-bitcode' && needsObject(unit)) return whenObjectIsNeeded(unit);
  return parent;
}

function finalState(lto: string): Lto {
  if (lto === 'true') return { kind: 'run', how: '' };
  if (lto === 'off') return { kind: 'off' };
  if (lto === 'false') return { kind: 'only-object' };
  return { kind: 'run', how: lto };
}

/** Returns the state that serves two dependents of one unit. */
function mergedState(a: Lto, b: Lto): Lto {
  for (const kind of ['run', 'off', 'object-and-bitcode'] as const) {
    if (a.kind === kind) return a;
    if (b.kind === kind) return b;
  }
  return a.kind === b.kind ? a : { kind: 'object-and-bitcode' };
}

function whenObjectIsNeeded(unit: Unit): Lto {
  return unit.target.crateTypes.every((type) => type === 'dylib') ? { kind: 'only-object' } : { kind: 'object-and-bitcode' };
}

function needsObject(unit: Unit): boolean {
  return unit.target.crateTypes.some((type) => linkedTypes.includes(type) || dynamicTypes.includes(type));
}

function forHost(unit: Unit): boolean {
  return isProcMacro(unit) || unit.target.kind.includes('custom-build');
}

function sameState(a: Lto, b: Lto): boolean {
  return a.kind === b.kind && (a.kind !== 'run' || (b.kind === 'run' && a.how === b.how));
}
