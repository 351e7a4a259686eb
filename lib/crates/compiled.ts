// What a compilation of projects is asked for, and what it gives.
import type { FileArtifact } from '../actions/action.ts';
import type { Job } from '../actions/lookup.ts';
import type { Cache } from '../cache/cache.ts';
import type { Allowances } from './unit/allowance.ts';
import type { PlannedUnit } from './plan/planned-unit.ts';
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
  /** Sees the action of every unit as it is looked up: the differential test compares them with cargo's calls. */
  readonly observe?: (unit: PlannedUnit, job: Job) => void;
}

export interface CompiledProject {
  readonly project: Project;
  /** What cargo would put into target/<profile>, by the name it has there. */
  readonly outputs: ReadonlyMap<string, Output>;
}

export interface Output extends FileArtifact {
  /** `written`: what the linker wrote to other folders, a map for example. */
  readonly role: 'program' | 'debug-information' | 'library' | 'written';
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
