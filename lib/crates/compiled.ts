// What a compilation of projects is asked for, and what it gives. Outputs are put where a person finds them: programs in bin/, tests in
// tests/, benchmarks in benches/, examples in examples/, other linked files in lib/, what the linker wrote elsewhere in written/, below a
// folder for each target where there are several. They are copies, because users change and move their files. A file that already has
// the right content is left alone.
import { stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileArtifact } from '../actions/action.ts';
import type { Job } from '../actions/lookup.ts';
import { writtenFolder } from '../actions/place.ts';
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { programDigest } from '../cache/digests/content-digests.ts';
import type { Json } from '../core/digest.ts';
import { absentAsUndefined, cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/paths.ts';
import type { BuiltUnit, PlannedUnit } from './plan/planned-unit.ts';
import type { Project } from './project.ts';

export interface CompileOptions {
  readonly cache: Cache;
  /** The user's variables: where tools are. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** --toolchain, --rust-src. */
  readonly toolchain: string | undefined;
  readonly rustSrc: string | undefined;
  /** Another cache that may have the standard library's source. */
  readonly otherCacheDir?: string;
  readonly jobs: number | undefined;
  /** False: --no-sandbox. */
  readonly sandbox: boolean;
  /** --allow: what packages may do beyond the sandbox. */
  readonly allow?: Allowances;
  /** --explain: report for each miss what changed. */
  readonly explain?: boolean;
  /** How a path is shown to the user, and whether in colour. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /** --verbose: report what build scripts print. */
  readonly verbose?: boolean;
  /**
   * Takes over what a project was compiled to. It throws DamagedBlob where a blob turns out damaged: then its maker runs again, and all projects
   * are given to it anew. Without it, the outputs are only checked to be whole.
   */
  readonly handOver?: (compiled: CompiledProject) => Promise<void>;
  /** Sees every unit of the plan that was got, also those that nothing new needs, and those that failed. */
  readonly watchUnits?: UnitWatch;
  /** Sees the action of every unit as it is looked up: the differential test compares them with cargo's calls. */
  readonly observe?: (unit: PlannedUnit, job: Job) => void;
}

export interface UnitWatch {
  /** What the lines depend on besides the build. A remembered build is repeated for the same question only. */
  readonly question: Json;
  /** `fresh`: its result was in the cache. */
  readonly done: (unit: BuiltUnit, fresh: boolean) => void;
  /** `stderr`: what rustc or the build script printed there. */
  readonly failed: (unit: PlannedUnit, stderr: string) => void;
  /** Returns the lines of the same build with nothing new, after all units are done. Throws DamagedBlob where a file could not be written. */
  lines(): Promise<UnitLines>;
  /** Writes the files of a remembered build, then prints its lines. Throws DamagedBlob before it prints. */
  repeat(lines: UnitLines): Promise<void>;
}

/** What is printed of units, and the files and folders that these lines name. Their paths are below the folder of outputs. */
export interface UnitLines {
  readonly lines: readonly string[];
  readonly folders: readonly string[];
  readonly files: readonly FileArtifact[];
}

export interface CompiledProject {
  readonly project: Project;
  /** What cargo would put into target/<profile>, by the name it has there. */
  readonly outputs: ReadonlyMap<string, Output>;
  /** What rustdoc tests, where the project was built as for `cargo test`. */
  readonly docTests?: readonly TestProgram[];
}

/** `written`: what the linker wrote to other folders, a map for example. */
export const outputRoles = ['program', 'debug-information', 'library', 'written', 'example', 'test'] as const;

export interface Output extends FileArtifact {
  readonly role: (typeof outputRoles)[number];
  /** Of a test: how it is run. */
  readonly test?: TestProgram;
}

/** What tests are compiled of: an integration test, a benchmark, the unit tests of another target, or the documentation of a library. */
export const testKinds = ['lib', 'bin', 'example', 'test', 'bench', 'doc'] as const;

/** A program of tests. */
export interface TestProgram {
  readonly package: string;
  /** The name of its target. */
  readonly name: string;
  readonly kind: (typeof testKinds)[number];
  /** Whether it is rustc's test harness, which takes names of tests and prints a line for each. */
  readonly harness: boolean;
  readonly triple: string;
  /** Cargo's folder of the profile, which has its programs: "/bloomery/target/TRIPLE/debug". */
  readonly folder: string;
  /** The name of its file in the folder `deps` there. */
  readonly file: string;
  /** The whole command line of what runs doc tests; absent: the program itself. */
  readonly argv?: readonly string[];
  /** What the program is started by (`target.TRIPLE.runner` of cargo's configuration); of doc tests its words are in `argv` too. */
  readonly runner?: readonly string[];
  /** Its working directory: the folder of its package; of rustdoc that of the workspace. */
  readonly cwd: string;
  /** The folder of its package on the host. */
  readonly hostDir: string;
  /** What cargo sets when it runs the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders of the host that it was compiled with, by their places. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Files by their places: OUT_DIR of its package, and libraries. */
  readonly files: Readonly<Record<string, FileArtifact>>;
}

export interface Compiled {
  readonly projects: readonly CompiledProject[];
  readonly units: number;
  readonly hits: number;
  readonly misses: number;
  /** Of the hits: below others, so that they were not looked up; and of a whole build that was remembered. */
  readonly below: number;
  readonly remembered: number;
}

export interface Allowance {
  readonly network: boolean;
  /** Absolute paths of the host. */
  readonly paths: readonly string[];
}

/** Name of a package -> what it may. */
export type Allowances = Readonly<Record<string, Allowance>>;

/**
 * The programs of a project: name -> absolute path; of tests and examples with their folder ("tests/NAME"). A blob that is gone or damaged is thrown
 * as DamagedBlob: its maker has to run again.
 */
export async function publish(
  { project, outputs }: CompiledProject,
  outDir: string,
  cache: Cache,
): Promise<Readonly<Record<string, string>>> {
  const bins: Record<string, string> = {};
  try {
    for (const [name, output] of outputs) {
      const path = join(outDir, pathOf(name, output.role));
      await makeFolder(dirname(path));
      if (output.role === 'written') await markMade(name, outDir);
      await materialize(output, path, cache);
      if (isProgram(name, output)) bins[name.replace(/\.(efi|exe)$/, '')] = path;
    }
  } catch (error) {
    if (error instanceof DamagedBlob) throw error;
    throw cannotBecause(`write the programs of ${project.name} to "${outDir}"`, error, 'choose another folder with --out DIR');
  }
  return bins;
}

/**
 * Marks the folder of written files, as cargo marks its target folder. A procedural macro may have written their text, which is not the user's own
 * where the folder is in his package (lib/crates/unit/source-view.ts). Format: https://bford.info/cachedir/
 */
async function markMade(name: string, outDir: string): Promise<void> {
  const [above = ''] = name.split(`${writtenFolder}/`);
  await writeFile(join(outDir, above, writtenFolder, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n');
}

/** Whether a file can be started: a program, a test, or an example that is no library. */
function isProgram(name: string, { role, executable }: Output): boolean {
  return role === 'program' || role === 'test' || (role === 'example' && executable && !name.endsWith('.so'));
}

/** Names of several targets begin with the target; files that were written elsewhere have a path of their own. */
export function pathOf(name: string, role: Output['role']): string {
  if (role === 'written' || role === 'example' || role === 'test') return name;
  return join(dirname(name), role === 'library' ? 'lib' : 'bin', basename(name));
}

/** Writes one artifact to `path` unless its bytes are there already, as a program where it is one. Throws DamagedBlob. */
export async function materialize(artifact: FileArtifact, path: string, cache: Cache): Promise<void> {
  const present = await absentAsUndefined(stat(path));
  const fits = present?.isFile() && present.size === artifact.sizeBytes && (present.mode & 0o100) === (artifact.executable ? 0o100 : 0);
  const same = fits && cache.digests.present(path) === (artifact.executable ? programDigest(artifact.digest) : artifact.digest);
  if (!same && !(await cache.content.copyTo(artifact.digest, path, artifact.executable ? 0o755 : 0o644)))
    throw new DamagedBlob(artifact.digest);
  cache.digests.learn(path, artifact.digest);
}

/** Whether a value of a record is a test program. */
export function isTestProgram(value: unknown): value is TestProgram {
  const isTable = (one: unknown): one is Readonly<Record<string, unknown>> =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const areTexts = (one: unknown): boolean => isTable(one) && Object.values(one).every((text) => typeof text === 'string');
  if (!isTable(value)) return false;
  const { kind, harness, env, mounts, files, runner = [] } = value;
  const texts = [value['package'], value['name'], value['triple'], value['folder'], value['file'], value['cwd'], value['hostDir']];
  const isKind = testKinds.some((one) => one === kind) && typeof harness === 'boolean';
  const areFiles = isTable(files) && Object.values(files).every((file) => isTable(file) && typeof file['digest'] === 'string');
  const isRunner = Array.isArray(runner) && runner.every((word) => typeof word === 'string');
  return isKind && isRunner && areFiles && areTexts(env) && areTexts(mounts) && texts.every((text) => typeof text === 'string');
}
