// What the page of a system says about configurations in its own dialect.
import type { UpstreamOrigin } from './component.ts';
import type { FileFacts } from './image-facts.ts';

/** The part of a page about configurations. */
export interface ConfigurationFacts {
  /** Where included files are, relative to the folder of the page; profiles name files in it. */
  readonly folder: string;
  /** The partition of the image that the root file system goes to. */
  readonly rootPartition: string;
  /** The partition whose size `efi_partition_size` sets. */
  readonly bootPartition: string;
  /** The folder of a cookbook's configurations: "x86_64". */
  readonly architecture: string;
  /** Packages that only upstream's sources have, by name. */
  readonly packages: Readonly<Record<string, UpstreamPackage>>;
  /** Rows of the root partition that take the place of the page's in a build of upstream's sources. */
  readonly upstreamFiles?: FileFacts;
}

export interface UpstreamPackage {
  readonly title: string;
  /** A package whose origin has no `cargo` is not compiled. */
  readonly upstream: UpstreamOrigin;
  /** Its rows of the root partition. They name its outputs ("ion/ion") and files of its source ("base:init.d"). */
  readonly install?: FileFacts;
}
