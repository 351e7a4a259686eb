// What the plan says of a unit.
import type { Checkout } from '../../cache/checkouts.ts';
import type { Digest } from '../../core/digest.ts';
import type { HostProgram, OwnTrees, Wrappers } from '../unit/places.ts';
import type { Sysroot } from '../project.ts';
import type { RustSrc } from '../toolchain/rust-src.ts';
import type { Compilation } from '../unit/rustc-args.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';

/** A unit with everything that its action needs from the plan. */
export interface PlannedUnit extends Compilation {
  /** "serde 1.0.2 (build script)", for people. */
  readonly label: string;
  /** Names its files: 16 hex digits over what it is and what it depends on, and never over where it lies. */
  readonly hash: string;
  readonly dependencies: readonly { readonly index: number; readonly name: string; readonly options: readonly string[] }[];
  /** What it is compiled for: cfgs, and the digest of a JSON target. */
  readonly triple: string;
  readonly cfgs: readonly string[];
  readonly targetFile: { readonly path: string; readonly digest: Digest } | undefined;
  /** What the configuration names to link it with, and to start rustc by. */
  readonly linkerProgram: HostProgram | undefined;
  readonly wrappers: Wrappers;
  readonly toolchain: Toolchain;
  readonly rustSrc: RustSrc | undefined;
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** [env] of cargo's configuration. */
  readonly configEnv: Readonly<Record<string, string>>;
  readonly profileName: string;
  /** Scopes of -Ztrim-paths; "" for none. */
  readonly trimPaths: string;
  /** How its program is called, where that is not its target's name. */
  readonly filename: string | undefined;
  /** Where cargo would keep half-done work: whose it is. */
  readonly checkout: Checkout | undefined;
  /** The folders of the user's own packages in its project. */
  readonly trees: OwnTrees;
  /** Lines of the configuration in place of its build script's output. */
  readonly scriptOutput?: readonly string[];
  /** Present for units of the sysroot's triple that may read it. */
  readonly sysroot?: Sysroot;
  /** What the user allowed its package (lib/crates/unit/allowance.ts). */
  readonly granted?: Granted;
}

/** An allowance with what its paths hold now: what counts in keys. */
export interface Granted {
  readonly network: boolean;
  /** Absolute path of the host -> digest of the file or of the whole folder. */
  readonly paths: Readonly<Record<string, Digest | null>>;
}
