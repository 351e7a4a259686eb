// A component: one upstream project of a system, where its source comes from, and what is built of it. Facts only.
import type { DebianSource } from './source-facts.ts';

export interface Component {
  readonly title: string;
  /** A folder of this repository with a small source of our own: where there is an upstream's too, it stands in for that. */
  readonly bundled?: string;
  /** Where upstream's source is. */
  readonly upstream?: { readonly git: string; readonly branch: string; /** Within it. */ readonly folder?: string };
  /** Upstream's source as Debian has it; `tasks/fetch.ts` gets it. */
  readonly debian?: DebianSource;
  readonly cargo: CargoBuild;
}

/** What cargo would be asked for. */
export interface CargoBuild {
  readonly packages?: readonly string[];
  readonly bins?: readonly string[];
  readonly features?: readonly string[];
  readonly defaultFeatures?: false;
  /** A triple, or the path of a JSON target within the source. */
  readonly triple?: string;
  readonly buildStd?: readonly string[];
  readonly buildStdFeatures?: readonly string[];
  /** Variables that its build scripts may see. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files of Cargo configuration, within this repository. */
  readonly configs?: readonly string[];
}

/** Which sources a build takes: upstream's, the bundled ones, and local checkouts by component (absolute folders). */
export interface SourceChoice {
  readonly kind: 'upstream' | 'bundled';
  readonly local: Readonly<Record<string, string>>;
}
