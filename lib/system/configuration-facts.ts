// What the page of a system says about configurations in its own dialect.

/** The part of a page about configurations. */
export interface ConfigurationFacts {
  /** Where included files are, within the repository; profiles name files in it. */
  readonly folder: string;
  /** The partition of the image that the root file system goes to. */
  readonly rootPartition: string;
  /** The partition whose size `efi_partition_size` sets. */
  readonly bootPartition: string;
  /** The folder of a cookbook's configurations: "x86_64". */
  readonly architecture: string;
  /** Packages that only upstream's sources have, by name. */
  readonly packages: Readonly<Record<string, UpstreamPackage>>;
}

export interface UpstreamPackage {
  readonly title: string;
  readonly git: string;
}
