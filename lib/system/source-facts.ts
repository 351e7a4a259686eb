// Where the sources of a system that come from Debian are found, as facts: which suite, which packages of crates, which tarballs, which packages
// the root file systems are made of. What was found is the lock (source-lock.ts).

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
