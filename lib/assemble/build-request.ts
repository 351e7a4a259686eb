// The parameters of a build of a whole system.
import type { CompileOptions } from '../crates/compiled.ts';
import type { SourceChoice } from '../system/component.ts';
import type { ConfiguredPackages } from './configured-system.ts';
import type { RecipesRequest } from './recipes/recipe-request.ts';
import type { System } from '../system/system.ts';

/** The input of a plan. */
export interface PlanRequest {
  readonly system: System;
  /** Builds the root file system with Nix. Absent: as the profile says. */
  readonly base?: 'nix' | undefined;
  readonly profile: string;
  /** Whether `system` is the live variant. The image of that has its own name. */
  readonly live?: boolean;
  readonly sources: SourceChoice;
  /** The packages of a configured system. */
  readonly packages?: ConfiguredPackages | undefined;
  /** Packages that are built from recipes. */
  readonly recipes?: Pick<RecipesRequest, 'cookbook' | 'wanted' | 'local' | 'keepGoing'> | undefined;
  /** The folder of the page. Relative paths of the page are relative to it. */
  readonly root: string;
  /** Password of the encrypted RedoxFS of the image. Absent: it is not encrypted. */
  readonly password?: string | undefined;
  readonly outDir: string;
  /** Variables that build scripts may see. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder for fetched sources. */
  readonly cacheDir: string;
  /** The environment of the host, for the programs that the build starts. */
  readonly hostEnv: Readonly<Record<string, string>>;
}

/** A request together with the compiler's parameters. */
export interface BuildRequest extends Omit<PlanRequest, 'cacheDir' | 'hostEnv'> {
  readonly compile: CompileOptions;
}
