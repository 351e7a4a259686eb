// The parameters and the result of compiling projects. Outputs are copied to an output folder: programs to
// bin/, tests to tests/, benchmarks to benches/, examples to examples/, other linked files to lib/, files
// that the linker wrote elsewhere to written/. If there are several targets, each has a subfolder. They are
// copies, because users change and move their files. A file that already has the right content is not
// written.
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import type { FileArtifact } from '../actions/action.ts';
import type { Job } from '../actions/lookup.ts';
import { writtenFolder } from '../actions/place.ts';
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { programDigest } from '../cache/digests/content-digests.ts';
import type { Json } from '../core/digest.ts';
import { cannotBecause } from '../core/errors.ts';
import { makeFolder, statOrAbsent } from '../core/paths.ts';
import type { BuiltUnit, PlannedUnit } from './plan/planned-unit.ts';
import type { Project } from './project.ts';
import type { HeadStart } from './run/head-start.ts';

export interface CompileOptions {
  readonly cache: Cache;
  /** The user's variables, which show where tools are. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** --toolchain, --rust-src. */
  readonly toolchain: string | undefined;
  readonly rustSrc: string | undefined;
  /** Another cache that may have the standard library's source. */
  readonly otherCacheDir?: string;
  readonly jobs: number | undefined;
  /** False with --no-sandbox. */
  readonly sandbox: boolean;
  /** --allow: permissions of packages beyond the sandbox. */
  readonly allow?: Allowances;
  /** --explain: reports for each miss what changed. */
  readonly explain?: boolean;
  /** How a path is displayed, and whether messages have colours. */
  readonly shorten: (path: string) => string;
  readonly colour: boolean;
  /** --verbose: reports the output of build scripts. */
  readonly verbose?: boolean;
  /**
   * Receives the outputs of a project. It throws DamagedBlob if a blob is damaged: then the action that
   * produced it runs again, and the function is called again for all projects. Without this function, the
   * outputs are only verified.
   */
  readonly handOver?: (compiled: CompiledProject) => Promise<void>;
  /** Is called for every unit of the plan, including units that were not needed and those that failed. */
  readonly watchUnits?: UnitWatch;
  /**
   * Is called with the action of every unit when it is looked up: the differential test compares the actions
   * with cargo's calls.
   */
  readonly observe?: (unit: PlannedUnit, job: Job) => void;
  /** A compilation that may have begun before the plan was known. It is recorded for the next build. */
  readonly headStart?: Pick<HeadStart, 'jobserver' | 'take' | 'remember'> | undefined;
}

export interface UnitWatch {
  /** What the lines depend on besides the build. A remembered build is repeated for the same question only. */
  readonly question: Json;
  /** `fresh`: the result was in the cache. */
  readonly done: (unit: BuiltUnit, fresh: boolean) => void;
  /** `stderr`: the standard error of rustc or of the build script. */
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
  /** The files that cargo would put into target/<profile>, by their names there. */
  readonly outputs: ReadonlyMap<string, Output>;
  /** The tests for rustdoc, if the project was built as for `cargo test`. */
  readonly docTests?: readonly TestProgram[];
}

/** `written`: a file that the linker wrote to another folder, for example a map. */
export const outputRoles = ['program', 'debug-information', 'library', 'written', 'example', 'test'] as const;

export interface Output extends FileArtifact {
  readonly role: (typeof outputRoles)[number];
  /** Present for a test: how it is run. */
  readonly test?: TestProgram;
}

/**
 * The kinds of tests: an integration test, a benchmark, the unit tests of another target, or the
 * documentation of a library.
 */
export const testKinds = ['lib', 'bin', 'example', 'test', 'bench', 'doc'] as const;

/** A test program. */
export interface TestProgram {
  readonly package: string;
  /** The name of its target. */
  readonly name: string;
  readonly kind: (typeof testKinds)[number];
  /** Whether it uses rustc's test harness, which accepts names of tests and prints a line for each. */
  readonly harness: boolean;
  readonly triple: string;
  /** Cargo's folder of the profile, which contains its programs: "/bloomery/target/TRIPLE/debug". */
  readonly folder: string;
  /** The name of its file in the subfolder `deps`. */
  readonly file: string;
  /** The whole command line of the program that runs doc tests. Absent: the test program itself is run. */
  readonly argv?: readonly string[];
  /** What the program is started by (`target.TRIPLE.runner` of cargo's configuration); of doc tests its words are in `argv` too. */
  readonly runner?: readonly string[];
  /** Its working directory: the folder of its package, or for rustdoc that of the workspace. */
  readonly cwd: string;
  /** The folder of its package on the host. */
  readonly hostDir: string;
  /** Variables that cargo sets when it runs the program. */
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
  /** Numbers of hits below other hits, which were not looked up, and of hits in a memoized build. */
  readonly below: number;
  readonly remembered: number;
}

export interface Allowance {
  readonly network: boolean;
  /** Absolute paths of the host. */
  readonly paths: readonly string[];
}

/** Name of a package -> its permissions. */
export type Allowances = Readonly<Record<string, Allowance>>;

/** Limit of files of a project that are written concurrently. */
const copying = pLimit(4);

/**
 * Publishes the programs of a project. Returns name -> absolute path. Names of tests and examples include
 * their folder ("tests/NAME"). Throws DamagedBlob if a blob is missing or damaged: the action that produced
 * it has to run again.
 */
export async function publish(
  { project, outputs }: CompiledProject,
  outDir: string,
  cache: Cache,
): Promise<Readonly<Record<string, string>>> {
  const bins: Record<string, string> = {};
  const writing: Promise<void>[] = [];
  try {
    for (const [name, output] of outputs) {
      const path = join(outDir, pathOf(name, output.role));
      await makeFolder(dirname(path));
      if (output.role === 'written') await markMade(name, outDir);
      const written = copying(() => materialize(output, path, cache));
      written.catch(() => undefined); // thrown below, when everything was started
      writing.push(written);
      if (isProgram(name, output)) bins[name.replace(/\.(efi|exe)$/, '')] = path;
    }
    await Promise.all(writing);
  } catch (error) {
    await Promise.allSettled(writing); // so that no file is written after the error
    if (error instanceof DamagedBlob) throw error;
    throw cannotBecause(`write the programs of ${project.name} to "${outDir}"`, error, 'choose another folder with --out DIR');
  }
  return bins;
}

/**
 * Marks the folder of written files, as cargo marks its target folder. A procedural macro may have written
 * their text, so it does not count as the user's own text if the folder is in the user's package
 * (lib/crates/unit/source-view.ts). Format: https://bford.info/cachedir/
 */
async function markMade(name: string, outDir: string): Promise<void> {
  const [above = ''] = name.split(`${writtenFolder}/`);
  await writeFile(join(outDir, above, writtenFolder, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n');
}

/** Whether a file can be executed: a program, a test, or an example that is not a library. */
function isProgram(name: string, { role, executable }: Output): boolean {
  return role === 'program' || role === 'test' || (role === 'example' && executable && !name.endsWith('.so'));
}

/** With several targets, names begin with the target. Files that were written elsewhere keep their path. */
export function pathOf(name: string, role: Output['role']): string {
  if (role === 'written' || role === 'example' || role === 'test') return name;
  return join(dirname(name), role === 'library' ? 'lib' : 'bin', basename(name));
}

/**
 * Writes one artifact to `path` unless the file has its bytes already. Programs become executable. Throws
 * DamagedBlob.
 */
export async function materialize(artifact: FileArtifact, path: string, cache: Cache): Promise<void> {
  const present = statOrAbsent(statSync, path); // other threads may be busy with the removal of large files
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
