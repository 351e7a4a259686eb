// Starts cargo to plan a project in such a way that no code of the project runs on the host, and that a
// stable cargo stays stable: its rustc runs in a sandbox, wrappers are disabled, [env] reaches no program of
// the host, and [unstable] is hidden if cargo would ignore it. Cargo's errors are Failures.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'smol-toml';
import { bubblewrapArgv } from '../../actions/sandbox/sandbox.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import { digestBytes, digestRecord } from '../../core/digest.ts';
import { absentAsUndefined, cannot, Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { findProgram, run } from '../../core/sh.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { configFiles, configTable, foldersUp, mayName, noWrappers, planningVariables } from '../cargo/config-files.ts';
import type { ConfigFile } from '../cargo/config-files.ts';
import { triplesOf } from '../project.ts';
import type { Project } from '../project.ts';
import { toolchainIdentity } from '../toolchain/identity.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';
import { holdsHome, userHome } from '../unit/places.ts';
import { pathOf } from '../../core/paths.ts';

export interface Cargo {
  readonly toolchain: Toolchain;
  /** The user's variables. Cargo gets PATH, HOME, CARGO_HOME and those that it uses itself (config-files.ts). */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly cache: Cache;
  /** The sandbox for cargo's rustc. Undefined: no sandbox. */
  readonly sandbox?: Promise<Sandbox> | undefined;
}

/** A project for which cargo can be called. */
export interface Planning {
  readonly cargo: Cargo;
  readonly project: Project;
  readonly config: CargoConfig;
  /** Configuration with priority over the project's own. */
  readonly overrides: readonly string[];
  /** The beginning of a command line that hides configuration files from cargo. */
  readonly hiding: readonly string[];
  readonly rustc: PlanningRustc;
}

/** `config` is the merged configuration of the project. */
export async function openPlanning(cargo: Cargo, project: Project, config: CargoConfig, context: Context): Promise<Planning> {
  const { toolchain, hostEnv, cache } = cargo;
  const sandbox = (await cargo.sandbox) ?? { kind: 'none' };
  const { unstableCargo } = toolchain;
  const flags = planningVariables(hostEnv, unstableCargo);
  const jsonTargets = triplesOf(project).filter((triple) => triple.endsWith('.json'));
  const mayNameFiles = jsonTargets.length > 0 || Object.keys(flags).length > 0 || mayName(JSON.stringify(config), 'rustflags', '.json');
  const rustc = await planningRustc({
    toolchain,
    cache,
    sandbox,
    visible: mayNameFiles ? [projectFolder(project.dir, userHome(hostEnv)), ...jsonTargets] : [],
    cwd: mayNameFiles ? project.dir : '/',
    bootstrap: project.buildStd.length > 0 || jsonTargets.length > 0 || config.env?.['RUSTC_BOOTSTRAP'] !== undefined,
  });
  const unstable = !unstableCargo && config.unstable !== undefined;
  return {
    cargo,
    project,
    config,
    overrides: sandbox.kind === 'none' ? [] : withoutEnv(config),
    hiding: unstable ? await hidingUnstable(cargo, project, sandbox, context) : [],
    rustc,
  };
}

/** Starts cargo in `cwd` and returns its standard output. An error of cargo is a Failure. */
export async function askCargo(
  { toolchain, hostEnv }: Cargo,
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { signal }: Context,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  if (!(await absentAsUndefined(stat(join(cwd, 'Cargo.toml'))))) {
    throw cannot(`plan "${cwd}"`, 'there is no Cargo.toml', { hint: 'name the folder of a Cargo project' });
  }
  const inherited = ['HOME', 'CARGO_HOME'].flatMap((name) => (hostEnv[name] === undefined ? [] : [[name, hostEnv[name]] as const]));
  const answer = await run(argv, {
    cwd,
    env: {
      ...Object.fromEntries(inherited),
      ...planningVariables(hostEnv, toolchain.unstableCargo),
      PATH: hostEnv['PATH'] ?? '/usr/bin:/bin',
      CARGO_TERM_COLOR: 'never',
      ...noWrappers,
      ...env,
    },
    signal,
  });
  if (answer.exitCode !== 0) throw planError(cwd, answer.stderr.trim());
  return answer;
}

/**
 * [env] of the configuration also reaches the rustc that cargo calls, and so the programs that start it
 * (LD_PRELOAD). Every variable is empty there except for those of rustc and cargo. These words are
 * configuration on cargo's command line, which overrides files.
 */
export function withoutEnv({ env }: CargoConfig): readonly string[] {
  const names = Object.entries(env ?? {}).filter(([name]) => !/^(?:RUST|CARGO_)/.test(name));
  return names.flatMap(([name, entry]) => {
    const key = `env.${JSON.stringify(name)}`;
    const words = typeof entry === 'string' ? [`${key}=""`] : [`${key}.value=""`, `${key}.relative=false`];
    return words.flatMap((word) => ['--config', word]);
  });
}

/**
 * A stable cargo ignores [unstable]. A cargo that prints a unit graph must be allowed to use unstable
 * features, and then uses that table. So it gets the files without the table, in its own mount namespace.
 */
async function hidingUnstable(cargo: Cargo, project: Project, sandbox: Sandbox, context: Context): Promise<readonly string[]> {
  const program = sandbox.kind === 'none' ? await findProgram('bwrap', pathOf(cargo.hostEnv)) : sandbox.program;
  const { files } = configFiles(project, cargo.hostEnv);
  const binds: string[] = [];
  for (const file of files) {
    const copy = await withoutUnstable(file, cargo.cache);
    if (copy !== undefined) binds.push('--ro-bind', copy, file.path);
  }
  if (!program) {
    throw cannot(`plan "${project.dir}"`, 'its configuration has a table [unstable], which a stable cargo ignores', {
      hint: 'install bubblewrap, which hides it from cargo, or remove the table from .cargo/config.toml',
    });
  }
  context.signal.throwIfAborted();
  return [program, '--dev-bind', '/', '/', ...binds, '--die-with-parent', '--'];
}

/**
 * Returns the path of a copy of a configuration file without [unstable], or undefined if it has no such
 * table.
 */
async function withoutUnstable(file: ConfigFile, cache: Cache): Promise<string | undefined> {
  if (!mayName(file.text, 'unstable')) return undefined;
  const { unstable, ...rest } = configTable(file);
  if (unstable === undefined) return undefined;
  const text = stringify(rest);
  const path = join(cache.dir, 'planning', `config-${digestBytes(text).slice(0, 16)}.toml`);
  if (existsSync(path)) return path;
  const partial = join(await mkdtemp(join(cache.tmpDir, 'config-')), 'config.toml');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(partial, text);
  await rename(partial, path);
  return path;
}

/** The variables that describe rustc to cargo. */
export interface PlanningRustc {
  /** The value of RUSTC. */
  readonly program: string;
  /**
   * The value of CARGO_TARGET_DIR. The folder exists, because cargo stores the answers of this rustc only in
   * an existing folder.
   */
  readonly targetDir: string;
}

export interface PlanningRustcRequest {
  readonly toolchain: Toolchain;
  readonly cache: Pick<Cache, 'dir' | 'root' | 'tmpDir'>;
  readonly sandbox: Sandbox;
  /** Folders and files of the host that the project's flags may name. */
  readonly visible: readonly string[];
  readonly cwd: string;
  /** Whether this rustc may use unstable features. RUSTC_BOOTSTRAP of cargo's environment is only for cargo. */
  readonly bootstrap: boolean;
}

/** The script is constant: its data are the files next to it, and cargo's arguments stay a list. */
const rustcScript = '#!/bin/sh\nhere=${0%/*}\nexec "$here/bwrap" --args 3 -- "$here/program" "$@" 3<"$here/view"\n';

/** Writes the script once for each view. Without a sandbox rustc itself is the program. */
export async function planningRustc(request: PlanningRustcRequest): Promise<PlanningRustc> {
  const { toolchain, cache, sandbox, bootstrap } = request;
  const planning = join(cache.dir, 'planning');
  if (sandbox.kind === 'none') {
    await mkdir(planning, { recursive: true });
    return { program: toolchain.rustc, targetDir: planning };
  }
  const own = join(toolchain.sysroot, 'bin/rustc');
  const program = existsSync(own) ? own : toolchain.rustc;
  const shown = [toolchain.sysroot, ...(program === own ? [] : [program]), ...request.visible];
  const view = (folder: string): readonly string[] => {
    const readOnly = Object.fromEntries([...shown, folder].map((path) => [path, path]));
    const words = bubblewrapArgv(sandbox, [], request.cwd, { readOnly, writable: {} });
    return [
      ...words.slice(1, words.lastIndexOf('--')),
      ...(bootstrap ? ['--setenv', 'RUSTC_BOOTSTRAP', '1'] : ['--unsetenv', 'RUSTC_BOOTSTRAP']),
    ];
  };
  // otherwise answers of another compiler at this path would be used
  const compiler = await toolchainIdentity(toolchain, cache.root);
  const name = digestRecord({ script: rustcScript, view: view(''), bwrap: sandbox.program, program, compiler }).slice(0, 16);
  const folder = join(planning, name);
  if (!(await absentAsUndefined(stat(folder)))) {
    await mkdir(planning, { recursive: true });
    // several projects are planned at the same time, even in one process
    const partial = await mkdtemp(join(cache.tmpDir, 'planning-'));
    await mkdir(join(partial, 'target'));
    await writeFile(
      join(partial, 'view'),
      view(folder)
        .map((word) => `${word}\0`)
        .join(''),
    );
    await symlink(sandbox.program, join(partial, 'bwrap'));
    await symlink(program, join(partial, 'program'));
    await writeFile(join(partial, 'rustc'), rustcScript, { mode: 0o755 });
    await rename(partial, folder).catch(async (error: unknown) => {
      await rm(partial, { recursive: true, force: true });
      if (!existsSync(folder)) throw error; // another process was first
    });
  }
  return { program: join(folder, 'rustc'), targetDir: join(folder, 'target') };
}

/**
 * Returns the folder with files that a project's flags may name: the outermost folder above `dir` that seems
 * to belong to it, but never a home folder.
 */
export function projectFolder(dir: string, home: string = homedir()): string {
  const marks = ['Cargo.toml', '.cargo', '.git'];
  const candidates = foldersUp(dir).filter((folder) => !holdsHome(folder, home));
  return candidates.findLast((folder) => marks.some((mark) => existsSync(join(folder, mark)))) ?? dir;
}

const staleLock = /--locked was passed|lock file needs to be updated|cannot update the lock file/;

/** Whether cargo failed because Cargo.lock does not match the manifests. */
export function isStaleLock(error: unknown): boolean {
  return error instanceof Failure && staleLock.test(error.detail ?? '');
}

/** Returns cargo's error as one sentence, with cargo's message and a hint. */
export function planError(dir: string, words: string): Error {
  const first = /^error: (.*)$/m.exec(words)?.[1] ?? words.split('\n')[0] ?? 'cargo gave no reason';
  const hint = staleLock.test(words)
    ? 'Cargo.lock does not fit Cargo.toml: run cargo update --workspace (or cargo generate-lockfile) in the project'
    : /no matching package|failed to get|can't checkout|--offline/.test(words)
      ? 'nothing is downloaded during a build: run cargo fetch or cargo vendor in the project first'
      : undefined;
  const why = /--locked was passed|cannot update the lock file/.test(words) ? 'its Cargo.lock is out of date' : first.replace(/\.$/, '');
  return cannot(`plan "${dir}"`, why, { detail: words, hint });
}
