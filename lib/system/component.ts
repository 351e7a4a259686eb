// What is built of a system, as facts: its components and its C library, with the origins of their sources upstream and in Debian.

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
  /** How the setup program of a bzImage wants its kernel. */
  readonly encoding: 'raw' | 'gzip' | 'zlib';
  /** The variable that names the file when the component is compiled. */
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

/** Sources of a system that come from Debian. The lock (source-lock.ts) has what was found. */
export interface SourceFacts {
  /** "trixie". */
  readonly suite: string;
  /** Packages of crates; what they depend on comes with them. */
  readonly crates: readonly string[];
  /** Source packages of which the upstream tarball is taken. */
  readonly tarballs: readonly string[];
  /** Root file systems: what is asked for by name; apt's solver adds what it depends on. "?essential" is every essential package. */
  readonly bases: Readonly<Record<string, readonly string[]>>;
  /** Packages that are taken alone, without what they depend on: a kernel. "linux-image-cloud-amd64" stands for the image that it depends on. */
  readonly single: Readonly<Record<string, string>>;
  /** Crates that Debian patched out of everything that would need them; cargo's resolver still wants to see them. */
  readonly stubs: readonly StubCrate[];
}

/** An empty crate: nothing of it is ever compiled into what runs. */
export interface StubCrate {
  readonly name: string;
  readonly version: string;
  readonly features?: readonly string[];
}

/** A component whose source is in an archive of Debian's. */
export interface DebianSource {
  /** The crate of a librust-*-dev package ("sudo-rs" of librust-sudo-rs-dev), or the tarball of a source package. */
  readonly from: { readonly crate: string } | { readonly tarball: string };
  /** A series of patches within the source, applied in its order (quilt's: a file of names beside the patches). */
  readonly series?: string;
  /** Texts of its files that are replaced; each is there exactly once. */
  readonly edits?: readonly SourceEdit[];
}

export interface SourceEdit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** The C library of a system: where its source is, how make builds it, and what is linked with it. */
export interface CLibrary extends Pick<Component, 'title' | 'bundled' | 'upstream'> {
  /** The name for --source, and of its recipe in a cookbook. */
  readonly name: string;
  readonly make: MakeBuild;
  /** The triple of the programs that are linked with it. */
  readonly triple: string;
  /** A file of Cargo configuration with the flags for the triple, relative to the folder of the page. */
  readonly cargoConfig: string;
  /** A recipe, relative to the folder of the page, that builds what programs name and the library may lack. It is linked with, and not installed. */
  readonly supplement?: string;
  /** Crates of the standard library that programs compile if the toolchain does not have it for the triple. */
  readonly buildStd: readonly string[];
}

/** What `make install` needs: it runs in a copy of the source and installs into DESTDIR. */
export interface MakeBuild {
  /** Words of make's command line: "CC=clang". */
  readonly arguments: readonly string[];
  /** Programs that it may run. They count by content. With "cargo" the toolchain is there too. */
  readonly programs: readonly string[];
}
