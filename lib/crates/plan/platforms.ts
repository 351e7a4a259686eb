// What units are compiled for: each platform of a unit graph with its conditions, flags and linker. One project may have several, since its
// configuration or its packages may name their own.
import { basename } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { linkerOf, rustflagsOf } from '../cargo/cargo-config.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { planningVariables } from '../cargo/cargo-variables.ts';
import { hostProgram } from '../toolchain/host-program.ts';
import type { HostProgram } from '../toolchain/host-program.ts';
import { userHome } from '../unit/own-trees.ts';
import type { OwnTrees } from '../unit/own-trees.ts';
import { places } from '../unit/places.ts';
import { planningRustc, projectFolder } from './planning-rustc.ts';
import type { Cargo } from './planning.ts';
import type { Project } from '../project.ts';
import { targetCfgs } from './target-info.ts';
import type { Unit } from './unit-graph.ts';

export interface Platform {
  /** A triple; of a JSON target its stem. */
  readonly triple: string;
  /** `--target`: a triple or the place of a JSON target; undefined for the host's own units. */
  readonly target: string | undefined;
  readonly targetFile: { readonly path: string; readonly digest: Digest } | undefined;
  readonly cfgs: readonly string[];
  readonly rustflags: readonly string[];
  readonly linker: HostProgram | undefined;
}

export interface PlatformRequest {
  readonly cargo: Cargo;
  readonly project: Project;
  readonly config: CargoConfig;
  readonly trees: OwnTrees;
  /** Whether flags are for the host's own units too: for cargo they are where no target is named at all. */
  readonly flagsForHost: boolean;
}

/** The platform of each unit. */
export async function platformsOf(units: readonly Unit[], request: PlatformRequest, context: Context): Promise<(unit: Unit) => Platform> {
  const names = [...new Set(units.map(({ platform }) => platform))];
  const rows = await Promise.all(names.map(async (name) => [name, await platformAt(name, request, context)] as const));
  const known = new Map(rows);
  return ({ platform }) => {
    const found = known.get(platform);
    if (!found) throw new Error(`the platform "${platform}" of a unit is not known`);
    return found;
  };
}

async function platformAt(name: string | undefined, request: PlatformRequest, context: Context): Promise<Platform> {
  const { cargo, project, config, trees, flagsForHost } = request;
  const { toolchain, cache, hostEnv } = cargo;
  const variables = planningVariables(hostEnv, false);
  const target = name ?? toolchain.host;
  const isJson = target.endsWith('.json');
  const triple = isJson ? basename(target, '.json') : target;
  const ask = async (flags: readonly string[]): Promise<readonly string[]> => {
    // Flags and files of the project reach only a rustc that is shut in.
    const rustc = flags.length > 0 || isJson ? await shutIn(request, target, isJson || bootstrapOf(config) !== undefined) : toolchain.rustc;
    const question = { toolchain, rustc, target, flags, cwd: project.dir, bootstrap: bootstrapOf(config) };
    return targetCfgs(question, cache.root, context);
  };
  const plainCfgs = await ask([]);
  const flagged = name !== undefined || flagsForHost;
  // A flag may hold only under a condition, and may change what conditions hold: cargo asks a second time, and so do we.
  const cfgs = flagged ? await ask(rustflagsOf(config, triple, plainCfgs, variables)) : plainCfgs;
  const linker = linkerOf(config, triple, cfgs, variables, project.dir);
  return {
    triple,
    target: name === undefined ? undefined : isJson ? `${places.target}/${basename(target)}` : target,
    targetFile: isJson ? await targetFileAt(target, cache) : undefined,
    cfgs,
    rustflags: flagged ? rustflagsOf(config, triple, cfgs, variables) : [],
    linker: linker === undefined ? undefined : await hostProgram(linker, trees, cache),
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
