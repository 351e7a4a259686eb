// The built parts of a system as data: its components and its C library, with the origins of their
// sources upstream and in Debian.

/** `Bin`: the names of its programs. */
export interface Component<Bin extends string = string> {
  readonly title: string;
  /**
   * A folder with its source, relative to that of the page. If there is an upstream source too, this is a
   * small substitute for it.
   */
  readonly bundled?: string;
  /** Upstream's own source, which `tasks/fetch.ts` gets from its git repository. */
  readonly upstream?: UpstreamOrigin;
  /** Upstream's source in Debian's package, which `tasks/fetch.ts` fetches. */
  readonly debian?: DebianSource;
  readonly cargo: CargoBuild<Bin>;
  /** The cargo profile that it is compiled with. It overrides the system's profile. */
  readonly cargoProfile?: string;
  /** An output of another component that it contains. */
  readonly payload?: PayloadFacts;
}

/** An output of another component that a component contains. */
export interface PayloadFacts {
  /** "kernel/kernel" is the output "kernel" of the component "kernel". */
  readonly made: string;
  /** The compression that the setup program of a bzImage expects for its kernel. */
  readonly encoding: 'raw' | 'gzip' | 'zlib';
  /** The variable that contains the path of the file during compilation. */
  readonly variable: string;
}

/** A component's git repository. */
export interface UpstreamOrigin {
  readonly git: string;
  /** At most one of branch, tag and rev. Without one, the repository's own default branch. */
  readonly branch?: string;
  readonly tag?: string;
  /** A full revision, 40 hexadecimal digits. */
  readonly rev?: string;
  /** The folder of its Cargo project, within the repository. */
  readonly folder?: string;
  /** Patches, relative to the folder of the page, in the order in which they are applied. */
  readonly patches?: readonly string[];
  /** A file of the source from which its build reads the revision, because fetched sources have no history. */
  readonly revisionFile?: string;
  /** How upstream's source is built, if that differs from the bundled source. */
  readonly cargo?: CargoBuild;
}

/** The parameters of a build with cargo. */
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
  /** A variable for its crates that contains the version of the compiler ("rustc 1.97.1"). */
  readonly rustcVariable?: string;
  /** Files of Cargo configuration, relative to the folder of the page. */
  readonly configs?: readonly string[];
}

/**
 * The sources that a build uses: upstream's, the bundled ones, and local checkouts by component (absolute
 * folders).
 */
export interface SourceChoice {
  readonly kind: 'upstream' | 'bundled';
  readonly local: Readonly<Record<string, string>>;
}

/** Sources of a system that come from Debian. The lock (source-lock.ts) has the resolved archives. */
export interface SourceFacts {
  /** "trixie". */
  readonly suite: string;
  /** Packages of crates. Their dependencies are added. */
  readonly crates: readonly string[];
  /** Source packages whose upstream tarball is used. */
  readonly tarballs: readonly string[];
  /**
   * Root file systems: names of packages. apt's solver adds their dependencies. "?essential" is every
   * essential package.
   */
  readonly bases: Readonly<Record<string, readonly string[]>>;
  /**
   * Packages from which single files are taken, without their dependencies: a kernel.
   * "linux-image-cloud-amd64" means the image that it depends on.
   */
  readonly single: Readonly<Record<string, string>>;
  /**
   * Crates that Debian removed by patches from everything that would need them. cargo's resolver still
   * requires them.
   */
  readonly stubs: readonly StubCrate[];
}

/** An empty crate. It is never compiled into a program. */
export interface StubCrate {
  readonly name: string;
  readonly version: string;
  readonly features?: readonly string[];
}

/** A component whose source is in an archive of Debian. */
export interface DebianSource {
  /** The crate of a librust-*-dev package ("sudo-rs" of librust-sudo-rs-dev), or the tarball of a source package. */
  readonly from: { readonly crate: string } | { readonly tarball: string };
  /**
   * A series of patches within the source, applied in order (quilt's format: a file of names next to the
   * patches).
   */
  readonly series?: string;
  /** Replacements of texts in its files. Each text must occur exactly once. */
  readonly edits?: readonly SourceEdit[];
}

export interface SourceEdit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** The C library of a system: its source, how make builds it, and the programs that are linked with it. */
export interface CLibrary extends Pick<Component, 'title' | 'bundled' | 'upstream'> {
  /** The name for --source, and the name of its recipe in a cookbook. */
  readonly name: string;
  readonly make: MakeBuild;
  /** The triple of the programs that are linked with it. */
  readonly triple: string;
  /** A file of Cargo configuration with the flags for the triple, relative to the folder of the page. */
  readonly cargoConfig: string;
  /**
   * A recipe, relative to the folder of the page, that builds files which programs refer to and the library
   * may lack. They are used for linking and are not installed.
   */
  readonly supplement?: string;
  /** Crates of the standard library that programs compile if the toolchain does not have it for the triple. */
  readonly buildStd: readonly string[];
}

/** The parameters of `make install`, which runs in a copy of the source and installs into DESTDIR. */
export interface MakeBuild {
  /** Arguments of make: "CC=clang". */
  readonly arguments: readonly string[];
  /** Programs that it may run. Their contents are inputs. "cargo" adds the toolchain. */
  readonly programs: readonly string[];
}
