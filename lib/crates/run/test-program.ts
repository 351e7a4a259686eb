// Describes a compiled test, example or benchmark: its name among the outputs, and the folder and environment
// in which cargo would run it. Paths are places of the sandbox, because the program was compiled with these.
import { filesOfResult } from '../../actions/action.ts';
import type { FileArtifact } from '../../actions/action.ts';
import { here } from '../../actions/place.ts';
import { testKinds } from '../compiled.ts';
import type { TestProgram } from '../compiled.ts';
import { linkClosure, ownScripts } from '../plan/planned-unit.ts';
import type { BuiltUnit, PlannedUnit } from '../plan/planned-unit.ts';
import { isProcMacro, isScriptRun } from '../plan/unit-graph.ts';
import { compareReleases } from '../toolchain/toolchain.ts';
import { packageEnv, testEnv } from '../unit/env.ts';
import { libraryArtifacts, outDirOf, outDirsOf } from '../unit/inputs.ts';
import { isWithin, placeOfHostPath, places } from '../unit/places.ts';
import { featureArgs, ltoArgs } from '../unit/rustc-args.ts';

/**
 * Returns the name of an output that is neither a library nor a program of `bin`: "tests/NAME",
 * "examples/NAME". `own` is put before the name.
 */
export function otherOutputName({ unit }: PlannedUnit, own: string): string {
  const { target } = unit;
  const kind = testKindOf(unit);
  if (!unit.tested) return `examples/${own}${target.name}`;
  if (kind === 'bench') return `benches/${own}${target.name}`;
  return `tests/${own}${target.name}${kind === 'test' ? '' : `.${kind}`}`;
}

/** Returns the kind of a unit's tests. */
export function testKindOf({ target }: PlannedUnit['unit']): TestProgram['kind'] {
  return testKinds.find((kind) => kind !== 'lib' && kind !== 'doc' && target.kind.includes(kind)) ?? 'lib';
}

/** Returns how the program of a unit that was compiled with its tests is run. `artifact` is the program. */
export function testProgramOf(planned: PlannedUnit, artifact: FileArtifact, built: ReadonlyMap<number, BuiltUnit>): TestProgram {
  const { unit, owner, place, triple, profileDir } = planned;
  const runner = runnerWords(planned);
  const scripts = ownScripts(planned, built);
  const folder = `${places.target}/${triple}/${profileDir}`;
  const shared = linkClosure(planned, built).filter((library) => !isProcMacro(library.planned.unit));
  const libraries = shared.flatMap(({ result }) => filesOfResult(result).filter(({ path }) => path.endsWith('.so')));
  const generated = scripts.flatMap((script) =>
    filesOfResult(script.result).map((file) => [`${outDirOf(script.planned)}/${file.path}`, file] as const),
  );
  const searched = scripts.flatMap(({ directives }) => directives?.linkSearch ?? []).map((path) => path.replace(/^\w+=/, ''));
  const libraryPath = [
    ...searched.filter((path) => path.startsWith(`${places.build}/`)),
    folder,
    `${folder}/deps`,
    `${places.toolchain}/lib/rustlib/${triple}/lib`,
    `${places.toolchain}/lib`,
  ];
  return {
    package: owner.name,
    name: unit.target.name,
    kind: testKindOf(unit),
    harness: planned.harness,
    triple,
    folder,
    file: artifact.path,
    cwd: place.dir,
    hostDir: owner.dir,
    env: {
      ...planned.configEnv,
      ...packageEnv(owner, place),
      ...testEnv(planned, triple),
      ...outDirsOf(scripts),
      ...Object.assign({}, ...scripts.map(({ directives }) => directives?.env)),
      LD_LIBRARY_PATH: libraryPath.join(':'),
    },
    mounts: mountsOf(planned),
    ...(runner.length > 0 ? { runner } : {}),
    files: Object.fromEntries([...generated, ...libraries.map((file) => [`${folder}/deps/${file.path}`, file] as const)]),
  };
}

/**
 * Returns how rustdoc tests the documentation of a library, with cargo's arguments (run_doc_tests in cargo's
 * ops/cargo_test.rs).
 */
export function docTestOf(planned: PlannedUnit, built: ReadonlyMap<number, BuiltUnit>): TestProgram {
  const { unit, owner, place, triple, profileDir, target, source, lints, linker, toolchain } = planned;
  const runner = runnerWords(planned);
  const own = ownScripts(planned, built);
  const libraries = linkClosure(planned, built);
  const scripts = [...new Set([...own, ...libraries.flatMap((library) => ownScripts(library.planned, built))])];
  const files = libraries.flatMap((library) =>
    libraryArtifacts(library, false).map((file) => [`${places.deps}/${file.path}`, file] as const),
  );
  const generated = scripts.flatMap((script) =>
    filesOfResult(script.result).map((file) => [`${outDirOf(script.planned)}/${file.path}`, file] as const),
  );
  const externs = planned.dependencies.flatMap(({ index, name, options }) => {
    const dependency = built.get(index);
    if (!dependency || isScriptRun(dependency.planned.unit)) return [];
    const words = options.length > 0 ? `${options.join()}:` : '';
    return libraryArtifacts(dependency, false).flatMap(({ path }) => ['--extern', `${words}${name}=${places.deps}/${path}`]);
  });
  const directives = own.flatMap((script) => script.directives ?? []);
  return {
    package: owner.name,
    name: unit.target.name,
    kind: 'doc',
    harness: true,
    triple,
    folder: `${places.target}/${triple}/${profileDir}`,
    file: '',
    argv: [
      `${places.toolchain}/bin/rustdoc`,
      `--edition=${unit.target.edition}`,
      ...unit.target.crateTypes.flatMap((type) => ['--crate-type', type]),
      '--color',
      'never',
      '--crate-name',
      unit.target.name.replaceAll('-', '_'),
      '--test',
      source,
      '--test-run-directory',
      place.dir,
      ...(target === undefined ? [] : ['--target', target]),
      ...(compareReleases(toolchain.release, '1.89.0') < 0 ? [] : runtoolArgs(runner)),
      ...lints.flags,
      ...externs,
      ...(isProcMacro(unit) ? ['--extern', 'proc_macro'] : []),
      '-L',
      `dependency=${places.deps}`,
      ...scripts.flatMap((script) => script.directives?.linkSearch ?? []).flatMap((path) => ['-L', path]),
      ...(linker === undefined ? [] : ['-C', `linker=${linker}`]),
      ...ltoArgs(planned.lto),
      ...featureArgs(unit, owner),
      ...directives.flatMap(({ cfgs }) => cfgs.flatMap((cfg) => ['--cfg', cfg])),
      ...directives.flatMap(({ checkCfgs }) => checkCfgs.flatMap((cfg) => ['--check-cfg', cfg])),
      ...(planned.testing?.rustdocflags ?? []),
      '--error-format',
      'human',
    ],
    cwd: place.cwd,
    hostDir: owner.dir,
    env: {
      ...planned.configEnv,
      ...packageEnv(owner, place),
      CARGO_CRATE_NAME: unit.target.name.replaceAll('-', '_'),
      ...outDirsOf(own),
      ...Object.assign({}, ...directives.map(({ env }) => env)),
      LD_LIBRARY_PATH: `${places.deps}:${places.toolchain}/lib`,
    },
    mounts: mountsOf(planned),
    ...(runner.length > 0 ? { runner } : {}),
    files: Object.fromEntries([...files, ...generated]),
  };
}

/**
 * Returns the command line of the runner. A path in the user's folders is replaced by its place, so that a
 * second checkout has the same arguments.
 */
function runnerWords({ testing, trees }: PlannedUnit): readonly string[] {
  if (!testing?.runner) return [];
  const { program, args } = testing.runner;
  const path = typeof program === 'string' ? program : program.file;
  return [isWithin(path, trees.common) ? placeOfHostPath(path, trees) : path, ...args];
}

/** Returns the arguments that pass the runner to rustdoc, as cargo does since 1.89. */
function runtoolArgs([program, ...args]: readonly string[]): readonly string[] {
  if (program === undefined) return [];
  return ['--test-runtool', program, ...args.flatMap((word) => ['--test-runtool-arg', word])];
}

/** Returns the mounts: the user's folders, the toolchain, and the package if it is not one of the user's own. */
function mountsOf({ place, trees, toolchain }: PlannedUnit): TestProgram['mounts'] {
  return { [here]: trees.common, [places.toolchain]: toolchain.sysroot, ...(place.immutable ? { [place.mount]: place.hostDir } : {}) };
}
