// A component: one upstream project of a system, where its source comes from, and what is built of it. Facts only.
import type { GitSource } from '../upstream/source.ts';
import type { PayloadEncoding } from '../image/boot/bzimage.ts';
import type { DebianSource } from './source-facts.ts';

/** `Bin`: the programs that it has. */
export interface Component<Bin extends string = string> {
  readonly title: string;
  /** A folder with its source, relative to that of the page. If there is an upstream's too, this is a small source that stands in for it. */
  readonly bundled?: string;
  /** Upstream's own source, which `tasks/fetch.ts` gets from its git repository. */
  readonly upstream?: UpstreamOrigin;
  /** Upstream's source as Debian has it; `tasks/fetch.ts` gets it. */
  readonly debian?: DebianSource;
  readonly cargo: CargoBuild<Bin>;
  /** The profile of cargo that it is compiled with, whatever the system's profile says. */
  readonly cargoProfile?: string;
  /** What it carries of another component. */
  readonly payload?: PayloadFacts;
}

/** An output of another component that a component has in it. */
export interface PayloadFacts {
  /** "kernel/kernel" is the output "kernel" of the component "kernel". */
  readonly made: string;
  readonly encoding: PayloadEncoding;
  /** The variable that names the file when the component is compiled. */
  readonly variable: string;
}

/** A component's git repository. */
export interface UpstreamOrigin extends GitSource {
  /** The folder of its Cargo project, within the repository. */
  readonly folder?: string;
  /** Patches, relative to the folder of the page, in the order in which they are applied. */
  readonly patches?: readonly string[];
  /** A file of the source that its build reads the revision from, because fetched sources have no history. */
  readonly revisionFile?: string;
  /** How upstream's source is built, if that differs from the bundled one. */
  readonly cargo?: CargoBuild;
}

/** What cargo would be asked for. */
export interface CargoBuild<Bin extends string = string> {
  readonly packages?: readonly string[];
  readonly bins?: readonly Bin[];
  readonly features?: readonly string[];
  readonly defaultFeatures?: false;
  /** A triple, or the path of a JSON target within the source. */
  readonly triple?: string;
  readonly buildStd?: readonly string[];
  readonly buildStdFeatures?: readonly string[];
  /** Variables that its build scripts may see. */
  readonly env?: Readonly<Record<string, string>>;
  /** A variable that its crates may see, with the toolchain that they are compiled with. */
  readonly rustcVariable?: string;
  /** Files of Cargo configuration, relative to the folder of the page. */
  readonly configs?: readonly string[];
}

/** Which sources a build takes: upstream's, the bundled ones, and local checkouts by component (absolute folders). */
export interface SourceChoice {
  readonly kind: 'upstream' | 'bundled';
  readonly local: Readonly<Record<string, string>>;
}
