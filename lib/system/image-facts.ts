// An image as facts that one can read: partitions, for each file where its bytes come from, and what gives way to components or is built by Nix.
// image-layout.ts makes a layout of them.
import type { GuestCheck } from '../console/rules.ts';
import type { ServiceSet } from './services.ts';

/** How QEMU starts a kernel without firmware. 'linux': the kernel is the setup program of a bzImage, which UEFI firmware starts. */
export type KernelProtocol = 'multiboot' | 'pvh' | 'linux';

/** An init that services can be rendered for. */
export type InitName = 'systemd' | 'sysvinit' | 'table';

/** `Made`: the outputs of components that it may name. */
export interface ImageFacts<Made extends string = string> {
  readonly sizeBytes: number;
  /** 'none': the only partition is the whole image. */
  readonly table?: 'none';
  /** All times in the image, in seconds since 1970: an image does not know when it was made. */
  readonly timestampSec: number;
  readonly partitions: readonly PartitionFacts<Made>[];
}

export interface PartitionFacts<Made extends string = string> {
  readonly name: string;
  readonly typeGuid: string;
  /** Absent: what is left. */
  readonly sizeBytes?: number;
  /** `compress` (default: false): contents of files are compressed with LZ4 where that saves blocks. */
  readonly fileSystem:
    | { readonly kind: 'fat'; readonly label: string }
    /** `ext2`: the older format, for kernels whose driver knows no other. */
    | { readonly kind: 'ext4'; readonly label: string; readonly ext2?: true }
    | { readonly kind: 'redoxfs'; readonly compress?: boolean }
    /** An initramfs. The image has no table and the size that its content takes. `file`: it is this file as it is, by an absolute path. */
    | { readonly kind: 'cpio'; readonly gzip?: boolean; readonly file?: string }
    /** An ISO 9660 image with Rock Ridge, which is the whole image. Firmware starts what is in the FAT file system `efiImage`, a path in it. */
    | { readonly kind: 'iso'; readonly label: string; readonly efiImage: string };
  /** Packages that its files lie on top of. */
  readonly root?: RootFacts;
  readonly files: FileFacts<Made>;
}

/** A root file system of packages, some of whose programs gave way to components. */
export interface RootFacts {
  /** One of `bases` of the system's sources. */
  readonly base: string;
  /** Names of the system's replacements. */
  readonly replacements: readonly string[];
  /** What runs, and the init that runs it. */
  readonly services?: { readonly init: InitName; readonly set: ServiceSet };
  readonly modules?: ModuleFacts;
  /** Only these files of the base: paths, or folders ending with a slash. Absent: all. */
  readonly keeps?: readonly string[];
}

/** Modules of a kernel, by name; what they depend on comes with them. `from`: a package that is taken alone. */
export interface ModuleFacts {
  readonly from: string;
  readonly names: readonly string[];
}

/**
 * Path without a leading slash -> what is there. Folders that only hold others need no row. `digestWord` in the name of a file stands for the digest of its
 * content, also where a text of the same tree has that name.
 */
export type FileFacts<Made extends string = string> = Readonly<Record<string, FileFact<Made>>>;

export const digestWord = '<digest>';

export type FileFact<Made extends string = string> = Attributes &
  /** A file that a component made: "kernel/kernel" is the output "kernel" of the component "kernel". */
  (
    | { readonly made: Made }
    /** The bzImage of a setup program that a component made. */
    | { readonly bzImage: Made }
    | { readonly text: string }
    /** Behind what the base's file has. */
    | { readonly append: string }
    | { readonly link: string }
    | { readonly folder: true }
    /** A file of a package that is taken alone: "kernel:boot/vmlinuz-*", of which there must be one. */
    | { readonly packaged: string }
    /** A file or folder of a component's source: "base:init.d". */
    | { readonly source: string }
    /** A file of the host, by an absolute path. */
    | { readonly file: string }
    /** An initramfs as a file. */
    | { readonly initramfs: { readonly gzip: boolean; readonly files: FileFacts<Made>; readonly modules?: ModuleFacts } }
    /** A FAT file system as a file, for firmware. */
    | { readonly fat: { readonly sizeBytes: number; readonly label: string; readonly files: FileFacts<Made> } }
    /** GRUB for UEFI firmware. */
    | { readonly grub: GrubFacts }
    | { readonly initfs: InitfsFacts<Made> }
  );

/** What GRUB's core is made of. */
export interface GrubFacts {
  readonly modules: readonly string[];
  /** Those of them that this GRUB has. */
  readonly optionalModules?: readonly string[];
  /** The configuration that it starts with. */
  readonly config: string;
}

/** Redox's first file system. `bootstrap`: the output that is its first program. */
export interface InitfsFacts<Made extends string = string> {
  /** That of the kernel which reads it. */
  readonly generation: 'older' | 'newer';
  readonly bootstrap: Made;
  readonly files: FileFacts<Made>;
}

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Extended attributes: name -> value as setfattr(1) takes it, that is text, "0x" and hexadecimal digits, or "0s" and base64. Only an ext4 has them. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Capabilities of a program that are permitted and effective, as after setcap(8) "cap_net_raw+ep". */
  readonly capabilities?: readonly string[];
}

/** Programs of a base that give way to components. `Made`: the outputs of components that it may name. */
export interface Replacement<Made extends string = string> {
  /** Packages of the base that give way. One that the base does not have is none. */
  readonly original: readonly string[];
  /** What it provides instead. */
  readonly provides: FileFacts<Made>;
  /** Files of the original that stay: paths, or folders ending with a slash. */
  readonly stays?: readonly string[];
  /** Commands of the original that nothing needs here. */
  readonly dispensable?: readonly string[];
  /** A multicall program and the names by which it is called; it is asked (`--list`) whether it has them all. */
  readonly multicall?: Multicall<Made>;
  /** What is done in the guest to see that it works. */
  readonly checks: readonly GuestCheck[];
}

export interface Multicall<Made extends string = string> {
  /** The output of a component: "coreutils/coreutils". */
  readonly program: Made;
  readonly at: string;
  /** Link -> name. */
  readonly links: Readonly<Record<string, string>>;
}

/** The variant of a system that Nix builds. `Name` and `Made`: the components, and the outputs of components, that it may name. */
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
  readonly protocol?: KernelProtocol;
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
