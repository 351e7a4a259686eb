// What a build of a whole system is asked for.
import type { CompileOptions } from '../crates/compiled.ts';
import type { SourceChoice } from '../system/component.ts';
import type { ConfiguredPackages } from './configured-system.ts';
import type { RecipesRequest } from './recipes/recipe-request.ts';
import type { System } from '../system/system.ts';

/** What a plan is made of. */
export interface PlanRequest {
  readonly system: System;
  /** What the image is made on; absent: what the profile says. */
  readonly base?: 'nix' | undefined;
  readonly profile: string;
  /** Whether `system` is the live variant; its image has a name of its own. */
  readonly live?: boolean;
  readonly sources: SourceChoice;
  /** Of a configured system: what its packages are. */
  readonly packages?: ConfiguredPackages | undefined;
  /** Packages that are built from recipes. */
  readonly recipes?: Pick<RecipesRequest, 'cookbook' | 'wanted' | 'local' | 'keepGoing'> | undefined;
  /** The folder of the page: its relative paths count from there. */
  readonly root: string;
  /** The RedoxFS of the image is encrypted, and this password opens it. */
  readonly password?: string | undefined;
  readonly outDir: string;
  /** Variables that build scripts may see. */
  readonly env: Readonly<Record<string, string>>;
  /** Where fetched sources are. */
  readonly cacheDir: string;
  /** The environment of the host, for the programs that are run. */
  readonly hostEnv: Readonly<Record<string, string>>;
}

/** A request with what compiles it. */
export interface BuildRequest extends Omit<PlanRequest, 'cacheDir' | 'hostEnv'> {
  readonly compile: CompileOptions;
}
