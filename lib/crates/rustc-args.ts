// The command line of rustc for one unit, in cargo's order (facts: crates, 1.2). Two parts: what follows from the plan alone, which
// also names the unit, and what follows from the results of its dependencies. Pure.
import type { Directives, LinkArg } from './directives.ts';
import type { LintArgs } from './lints.ts';
import { ltoArgs } from './lto.ts';
import type { Lto } from './lto.ts';
import type { Package } from './package.ts';
import { places } from './places.ts';
import type { Place } from './places.ts';
import { isPlainLibrary, isProcMacro } from './unit-graph.ts';
import type { Unit } from './unit-graph.ts';

/** What the plan knows of a unit that is compiled. */
export interface Compilation {
  readonly unit: Unit;
  readonly owner: Package;
  readonly place: Place;
  /** Its source file as rustc is told: relative to the working directory inside a workspace, else absolute. */
  readonly source: string;
  readonly lto: Lto;
  readonly lints: LintArgs;
  /** `--target`: a triple or the place of a JSON target; undefined for the host's own units. */
  readonly target: string | undefined;
  readonly linker: string | undefined;
  /** Of cargo's configuration; they come last. */
  readonly rustflags: readonly string[];
}

/** The arguments that follow from the plan. They hold no path of the host. */
export function plannedArgs({ unit, owner, place, source, lto, lints, target, linker }: Compilation): readonly string[] {
  const { profile } = unit;
  const code = (...options: readonly string[]): string[] => options.flatMap((option) => ['-C', option]);
  return [
    '--crate-name',
    unit.target.name.replaceAll('-', '_'),
    `--edition=${unit.target.edition}`,
    source,
    '--error-format=json',
    '--json=diagnostic-rendered-ansi,artifacts,future-incompat',
    ...unit.target.crateTypes.flatMap((type) => ['--crate-type', type]),
    isPlainLibrary(unit) ? '--emit=dep-info,metadata,link' : '--emit=dep-info,link',
    ...(isProcMacro(unit) ? code('prefer-dynamic') : []),
    ...(profile.optLevel === '0' ? [] : code(`opt-level=${profile.optLevel}`)),
    ...(profile.panic === 'unwind' ? [] : code(`panic=${profile.panic}`)),
    ...ltoArgs(lto),
    ...(profile.codegenBackend === undefined ? [] : ['-Z', `codegen-backend=${profile.codegenBackend}`]),
    ...(profile.codegenUnits === undefined ? [] : code(`codegen-units=${profile.codegenUnits}`)),
    ...debugArgs(unit),
    ...lints.flags,
    ...lints.checkCfg,
    ...profile.rustflags,
    ...assertionArgs(unit),
    ...unit.features.flatMap((feature) => ['--cfg', `feature="${feature}"`]),
    '--check-cfg',
    'cfg(docsrs,test)',
    '--check-cfg',
    `cfg(feature, values(${owner.features.map((feature) => `"${feature}"`).join(', ')}))`,
    ...(profile.rpath ? code('rpath') : []),
    ...(target === undefined ? [] : ['--target', target]),
    ...(linker === undefined ? [] : code(`linker=${linker}`)),
    ...(profile.strip === 'none' ? [] : code(`strip=${profile.strip}`)),
    ...(unit.isStd ? ['-Z', 'force-unstable-if-unmarked'] : []),
    ...(place.foreign || unit.isStd ? ['--cap-lints', 'allow'] : []),
  ];
}

/** What the results of dependencies add. */
export interface Linkage {
  /** The hash that tells this unit's files from others of its name. */
  readonly hash: string;
  readonly externs: readonly { readonly name: string; readonly path: string; readonly noprelude: boolean }[];
  /** The unit's own build script. */
  readonly own: Directives | undefined;
  /** `-L` of every build script in what it links. */
  readonly search: readonly string[];
}

/** The whole command line after the program's name. */
export function rustcArgs(compilation: Compilation, { hash, externs, own, search }: Linkage): readonly string[] {
  const { unit, target, rustflags } = compilation;
  return [
    ...plannedArgs(compilation),
    '-C',
    `metadata=${hash}`,
    '-C',
    `extra-filename=-${hash}`,
    '--out-dir',
    places.out,
    '-L',
    `dependency=${places.deps}`,
    ...externs.flatMap(({ name, path, noprelude }) => ['--extern', `${noprelude ? 'noprelude:' : ''}${name}=${path}`]),
    ...(isProcMacro(unit) ? ['--extern', 'proc_macro'] : []),
    ...(externs.some(({ noprelude }) => noprelude) || target?.endsWith('.json') ? ['-Z', 'unstable-options'] : []),
    ...rustflags,
    ...searchArgs(search, own),
    ...(own ? ownScriptArgs(compilation, own) : []),
  ];
}

/** `-L`, those inside of a build script's folder before the host's, each once. */
function searchArgs(search: readonly string[], own: Directives | undefined): readonly string[] {
  const all = [...new Set([...(own?.linkSearch ?? []), ...search])];
  const inside = (path: string): boolean => path.replace(/^\w+=/, '').startsWith(`${places.build}/`);
  return [...all.filter(inside), ...all.filter((path) => !inside(path))].flatMap((path) => ['-L', path]);
}

function ownScriptArgs({ unit, owner }: Compilation, own: Directives): readonly string[] {
  const takesLibs = !unit.target.kind.includes('custom-build') && (!owner.hasLibrary || !unit.target.kind.includes('bin'));
  return [
    ...(takesLibs ? own.linkLibs.flatMap((lib) => ['-l', lib]) : []),
    ...own.linkArgs.filter((arg) => reaches(arg, unit)).flatMap(({ arg }) => ['-C', `link-arg=${arg}`]),
    ...own.cfgs.flatMap((cfg) => ['--cfg', cfg]),
    ...own.checkCfgs.flatMap((cfg) => ['--check-cfg', cfg]),
  ];
}

/** Is the link argument for this target? Plain libraries are not linked and take none. */
function reaches({ for: whom }: LinkArg, { target }: Unit): boolean {
  const bin = target.kind.includes('bin');
  if (whom === 'all') return target.crateTypes.some((type) => type !== 'lib' && type !== 'rlib');
  if (whom === 'bins') return bin;
  if (whom === 'cdylib') return target.crateTypes.includes('cdylib');
  if (typeof whom === 'object') return bin && target.name === whom.bin;
  return target.kind.includes(whom.slice(0, -1));
}

function debugArgs({ profile }: Unit): readonly string[] {
  if (profile.debuginfo === '0' || profile.debuginfo === 'none') return [];
  const split = profile.splitDebuginfo === undefined ? [] : ['-C', `split-debuginfo=${profile.splitDebuginfo}`];
  return ['-C', `debuginfo=${profile.debuginfo}`, ...split];
}

/** Said only where it differs from what the optimisation level implies. */
function assertionArgs({ profile }: Unit): readonly string[] {
  const { debugAssertions, overflowChecks } = profile;
  const implied = profile.optLevel === '0';
  const assertions = debugAssertions === implied ? [] : ['-C', `debug-assertions=${debugAssertions ? 'on' : 'off'}`];
  const checks = overflowChecks === debugAssertions ? [] : ['-C', `overflow-checks=${overflowChecks ? 'on' : 'off'}`];
  return [...assertions, ...checks];
}
