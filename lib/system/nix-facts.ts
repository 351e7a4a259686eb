// The part of a system's page about its variant that Nix builds.
import type { DirectProtocol } from '../image/boot/boot-header.ts';
import type { FileFacts } from './image-facts.ts';

/** `Name` and `Made`: the components, and the outputs of components, that it may name. */
export interface NixBase<Name extends string = string, Made extends string = string> {
  /** A folder with a default.nix, relative to that of the page: a function of `nixpkgs` and `rustPackages` whose attributes are systems. */
  readonly expression: string;
  /** By the name that the system's profile has. */
  readonly profiles: Readonly<Record<string, NixProfile<Name, Made>>>;
  readonly image: NixImageFacts<Made>;
}

export interface NixProfile<Name extends string = string, Made extends string = string> {
  readonly attribute: string;
  /** How QEMU starts the kernel of the system, where that is no Linux. */
  readonly protocol?: DirectProtocol;
  readonly components: readonly Name[];
  /** What `rustPackages` has: packages by name, each with its files. */
  readonly packages: Readonly<Record<string, FileFacts<Made>>>;
}

/** One ext4 on the whole disk: the closure, and little else. */
export interface NixImageFacts<Made extends string = string> {
  readonly label: string;
  /** The older format. */
  readonly ext2?: true;
  readonly timestampSec: number;
  /** Room for what the system writes. */
  readonly spareBytes: number;
  readonly files: FileFacts<Made>;
  /** A link to the system ("nix/var/nix/profiles/system"). */
  readonly link: string;
}
