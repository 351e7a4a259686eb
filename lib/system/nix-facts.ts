// The part of a system's page about its variant that Nix builds.
import type { DirectProtocol } from '../image/boot/boot-header.ts';
import type { FileFacts } from './image-facts.ts';

export interface NixBase {
  /** A folder with a default.nix, relative to that of the page: a function of `nixpkgs` and `rustPackages` whose attributes are systems. */
  readonly expression: string;
  /** By the name that the system's profile has. */
  readonly profiles: Readonly<Record<string, NixProfile>>;
  readonly image: NixImageFacts;
}

export interface NixProfile {
  readonly attribute: string;
  /** How QEMU starts the kernel of the system, where that is no Linux. */
  readonly protocol?: DirectProtocol;
  readonly components: readonly string[];
  /** What `rustPackages` has: packages by name, each with its files. */
  readonly packages: Readonly<Record<string, FileFacts>>;
}

/** One ext4 on the whole disk: the closure, and little else. */
export interface NixImageFacts {
  readonly label: string;
  /** The older format. */
  readonly ext2?: true;
  readonly timestampSec: number;
  /** Room for what the system writes. */
  readonly spareBytes: number;
  readonly files: FileFacts;
  /** A link to the system ("nix/var/nix/profiles/system"). */
  readonly link: string;
}
