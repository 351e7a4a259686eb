// The platforms of a unit graph, each with its conditions, flags and linker, and the unstable features of a
// nightly cargo that change how units are compiled. A project may have several platforms, because its
// configuration or its packages may name further targets.
import { basename, join } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { remembered } from '../../core/remembered.ts';
import { isTexts } from '../../core/stored-values.ts';
import { outputOf } from '../../core/sh.ts';
import { linkerOf, runnerOf, rustdocflagsOf, rustflagsOf, wrappersOf } from '../cargo/cargo-config.ts';
import type { CargoConfig, Runner } from '../cargo/cargo-config.ts';
import { planningVariables, testVariables } from '../cargo/config-files.ts';
import { planningRustc, projectFolder } from './planning.ts';
import type { Cargo } from './planning.ts';
import type { Unit } from './unit-graph.ts';
import type { Project } from '../project.ts';
import { isNightly } from '../toolchain/toolchain.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { hostProgram, onlySavesWork, places, userHome } from '../unit/places.ts';
import type { ConfigPath, HostProgram, OwnTrees, Wrappers } from '../unit/places.ts';

export interface Platform {
  /** A triple. For a JSON target, its file name without extension. */
  readonly triple: string;
  /** `--target`: a triple or the place of a JSON target. Undefined for the host's own units. */
  readonly target: string | undefined;
  readonly targetFile: { readonly path: string; readonly digest: Digest } | undefined;
  readonly cfgs: readonly string[];
  readonly rustflags: readonly string[];
  readonly linker: HostProgram | undefined;
  /** What tests are started by, and the flags of rustdoc for tests of documentation. */
  readonly runner: Runner | undefined;
  readonly rustdocflags: readonly string[];
}

export interface PlatformRequest {
  readonly cargo: Cargo;
  readonly project: Project;
  readonly config: CargoConfig;
  readonly trees: OwnTrees;
  /** Whether flags are also for the host's own units. In cargo they are if no target is named. */
  readonly flagsForHost: boolean;
}

/** Returns a function that returns the platform of each unit. */
export async function platformsOf(units: readonly Unit[], request: PlatformRequest, context: Context): Promise<(unit: Unit) => Platform> {
  const isStable = !isNightly(request.cargo.toolchain);
  const nameOf = ({ platform, isStd }: Unit): string => `${platform} ${isStd && isStable}`;
  const rows = await Promise.all(
    [...Map.groupBy(units, nameOf)].map(async ([name, [unit]]) => {
      if (!unit) throw new Error(`the platform "${name}" has no unit`);
      return [name, await platformAt(unit.platform, unit.isStd && isStable, request, context)] as const;
    }),
  );
  const known = new Map(rows);
  return (unit) => {
    const found = known.get(nameOf(unit));
    if (!found) throw new Error(`the platform "${unit.platform}" of a unit is not known`);
    return found;
  };
}

/**
 * `unstable`: include unstable conditions, which a stable rustc prints only when unstable features are
 * allowed. Scripts of the standard library use them (target_has_reliable_f16). Without them its objects lack
 * functions.
 */
async function platformAt(name: string | undefined, unstable: boolean, request: PlatformRequest, context: Context): Promise<Platform> {
  const { cargo, project, config, trees, flagsForHost } = request;
  const { toolchain, cache, hostEnv } = cargo;
  const variables = planningVariables(hostEnv, false);
  const tests = testVariables(hostEnv);
  const bootstrap = unstable ? '1' : bootstrapOf(config);
  const target = name ?? toolchain.host;
  const isJson = target.endsWith('.json');
  const triple = isJson ? basename(target, '.json') : target;
  const ask = async (flags: readonly string[]): Promise<readonly string[]> => {
    // Flags and files of the project are only passed to a rustc in the sandbox.
    const rustc = flags.length > 0 || isJson ? await shutIn(request, target, isJson || bootstrap !== undefined) : toolchain.rustc;
    const question = { toolchain, rustc, target, flags, cwd: project.dir, bootstrap };
    return targetCfgs(question, cache.root, context);
  };
  const plainCfgs = await ask([]);
  const flagged = name !== undefined || flagsForHost;
  // A flag may depend on a condition, and may change conditions. Like cargo, this asks a second time.
  const cfgs = flagged ? await ask(rustflagsOf(config, triple, plainCfgs, variables)) : plainCfgs;
  const linker = linkerOf(config, triple, cfgs, variables, project.dir);
  return {
    triple,
    target: name === undefined ? undefined : isJson ? `${places.target}/${basename(target)}` : target,
    targetFile: isJson ? await targetFileAt(target, cache) : undefined,
    cfgs,
    rustflags: flagged ? rustflagsOf(config, triple, cfgs, variables) : [],
    linker: linker === undefined ? undefined : await hostProgram(linker, trees, cache),
    runner: runnerOf(config, triple, cfgs, tests, project.dir),
    rustdocflags: flagged ? rustdocflagsOf(config, triple, cfgs, tests) : [],
  };
}

async function shutIn({ cargo, project }: PlatformRequest, target: string, bootstrap: boolean): Promise<string> {
  const { toolchain, cache, hostEnv, sandbox } = cargo;
  const { program } = await planningRustc({
    toolchain,
    cache,
    sandbox: (await sandbox) ?? { kind: 'none' },
    visible: [projectFolder(project.dir, userHome(hostEnv)), ...(target.endsWith('.json') ? [target] : [])],
    cwd: project.dir,
    bootstrap,
  });
  return program;
}

function bootstrapOf({ env }: CargoConfig): string | undefined {
  const entry = env?.['RUSTC_BOOTSTRAP'];
  return typeof entry === 'string' ? entry : entry?.value;
}

async function targetFileAt(path: string, { digests }: Cache): Promise<Platform['targetFile']> {
  const digest = await digests.file(path);
  if (digest === undefined) throw cannot(`read the target "${path}"`, 'it does not exist');
  return { path, digest };
}

export interface CfgQuestion {
  readonly toolchain: Toolchain;
  /**
   * The rustc that is started: the toolchain's own, or a script that runs it in the sandbox if it gets the
   * project's flags or files.
   */
  readonly rustc: string;
  /** A triple or a JSON file. */
  readonly target: string;
  /** Flags that may change the answer. */
  readonly flags: readonly string[];
  /** Relative paths in flags are relative to this folder. */
  readonly cwd: string;
  /** RUSTC_BOOTSTRAP of the configuration. */
  readonly bootstrap: string | undefined;
}

/** Returns the lines of `rustc --print cfg`: `unix`, `target_os="linux"`. */
export async function targetCfgs(question: CfgQuestion, cacheDir: string, { signal }: Context): Promise<readonly string[]> {
  const { toolchain, rustc, target, flags, cwd } = question;
  // Only for a JSON target: a stable rustc with unstable features also prints unstable cfgs, on which scripts
  // would then rely.
  const unstable = target.endsWith('.json');
  const bootstrap = unstable ? '1' : question.bootstrap;
  const place = flags.some((flag) => /[/@]/.test(flag)) ? cwd : null;
  const asked: Json = { rustc: toolchain.rustc, verbose: toolchain.verbose, target, flags, bootstrap: bootstrap ?? null, place };
  return remembered<readonly string[]>(
    cacheDir,
    'cfg',
    asked,
    async () => {
      const argv = [rustc, '--print', 'cfg', '--target', target, ...(unstable ? ['-Z', 'unstable-options'] : []), ...flags];
      const env: Record<string, string> = bootstrap === undefined ? {} : { RUSTC_BOOTSTRAP: bootstrap };
      const text = await outputOf(`ask rustc about the target "${target}"`, argv, { cwd, env, signal });
      return { value: text.trim().split('\n'), witnesses: [toolchain.rustc, ...(unstable ? [target] : [])] };
    },
    isTexts,
  );
}

/** Names of `cargo-features` and of [unstable] that change the build but are not supported. */
const unsupported: ReadonlySet<string> = new Set([
  'any-build-script-metadata',
  'dual-proc-macros',
  'embed-metadata',
  'host-config',
  'metabuild',
  'no-embed-metadata',
  'open-namespaces',
  'panic-immediate-abort',
  'profile-hint-mostly-unused',
  'sbom',
  'target-applies-to-host',
]);

export interface UnstableFeatures {
  readonly trimPaths: boolean;
  readonly publicDependency: boolean;
}

/**
 * Returns the unstable features of the configuration. `variables` are the user's (CARGO_UNSTABLE_*).
 * `manifestFeatures` are the `cargo-features` of the project's packages. An unsupported feature is a Failure.
 */
export function unstableFeatures(
  dir: string,
  configured: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string>>,
  manifestFeatures: readonly string[],
): UnstableFeatures {
  const isOn = (name: string): boolean => {
    const variable = variables[`CARGO_UNSTABLE_${name.toUpperCase().replaceAll('-', '_')}`];
    return variable === undefined ? configured[name] !== undefined && configured[name] !== false : variable !== 'false';
  };
  for (const name of unsupported) {
    if (!isOn(name) && !manifestFeatures.includes(name)) continue;
    throw cannot(`build "${dir}"`, `it uses cargo's unstable feature "${name}", which is not supported`, {
      hint: 'build it with cargo, or without that feature',
    });
  }
  return {
    trimPaths: isOn('trim-paths') || manifestFeatures.includes('trim-paths'),
    publicDependency: isOn('public-dependency'),
  };
}

/**
 * Returns the programs in front of rustc, for all packages and for members of the workspace. A compiler cache
 * is left out.
 */
export async function wrappersFor(
  { cache, hostEnv, toolchain }: Cargo,
  project: Project,
  config: CargoConfig,
  trees: OwnTrees,
  { report }: Context,
): Promise<Wrappers> {
  const named = wrappersOf(config, hostEnv, project.dir);
  const found = async (path: ConfigPath | undefined): Promise<HostProgram | undefined> => {
    if (path === undefined) return undefined;
    if (!onlySavesWork(path)) return hostProgram(path, trees, cache);
    const name = typeof path === 'string' ? path : path.file;
    report({ kind: 'note', text: `${project.name} is compiled without the wrapper "${name}": results are kept in the cache anyway` });
    return undefined;
  };
  const all = await found(named.all);
  if (!project.clippy) return { all, members: await found(named.members) };
  const path = join(toolchain.sysroot, 'bin/clippy-driver');
  const digest = await cache.digests.file(path);
  if (digest === undefined) {
    const hint = toolchain.origin === 'rustup' ? `rustup component add clippy --toolchain ${toolchain.name}` : undefined;
    throw cannot('lint with clippy', `the toolchain ${toolchain.name} has no clippy-driver`, { blame: 'host', hint });
  }
  // The form in which cargo clippy passes arguments. It needs no path, because the toolchain is in the
  // sandbox anyway.
  const words = project.clippy.map((word) => `${word}__CLIPPY_HACKERY__`).join('');
  const driver = { word: `${places.toolchain}/bin/clippy-driver`, path: undefined, digest };
  return { all, members: driver, memberEnv: { CLIPPY_ARGS: words } };
}
