// An image as data: partitions, the source of the bytes of each file, and programs that are
// replaced by components or built by Nix. image-layout.ts converts the facts to a layout.
import type { GuestCheck } from '../console/rules.ts';
import type { ServiceSet } from './services.ts';

/**
 * How QEMU starts a kernel without firmware. 'linux': the kernel is the setup program of a bzImage, which
 * UEFI firmware starts.
 */
export type KernelProtocol = 'multiboot' | 'pvh' | 'linux';

/** An init for which services can be rendered. */
export type InitName = 'systemd' | 'sysvinit' | 'table';

/** `Made`: the outputs of components that it may name. */
export interface ImageFacts<Made extends string = string> {
  readonly sizeBytes: number;
  /** 'none': the only partition is the whole image. */
  readonly table?: 'none';
  /** All times in the image, in seconds since 1970. They do not depend on the time of the build. */
  readonly timestampSec: number;
  readonly partitions: readonly PartitionFacts<Made>[];
}

export interface PartitionFacts<Made extends string = string> {
  readonly name: string;
  readonly typeGuid: string;
  /** Absent: the remaining space. */
  readonly sizeBytes?: number;
  /** `compress` (default: false): contents of files are compressed with LZ4 if that saves blocks. */
  readonly fileSystem:
    | { readonly kind: 'fat'; readonly label: string }
    /** `ext2`: the older format, for kernels whose driver supports no other. */
    | { readonly kind: 'ext4'; readonly label: string; readonly ext2?: true }
    | { readonly kind: 'redoxfs'; readonly compress?: boolean }
    /**
     * An initramfs. The image has no partition table, and its size is that of its content. `file`: the
     * absolute path of a file that is used instead.
     */
    | { readonly kind: 'cpio'; readonly gzip?: boolean; readonly file?: string }
    /**
     * An ISO 9660 image with Rock Ridge, which is the whole image. Firmware starts the program in the FAT
     * file system `efiImage`, a path in it.
     */
    | { readonly kind: 'iso'; readonly label: string; readonly efiImage: string };
  /** Packages below its own files. */
  readonly root?: RootFacts;
  readonly files: FileFacts<Made>;
}

/** A root file system of packages, some of whose programs are replaced by components. */
export interface RootFacts {
  /** One of `bases` of the system's sources. */
  readonly base: string;
  /** Names of the system's replacements. */
  readonly replacements: readonly string[];
  /** The services, and the init that runs them. */
  readonly services?: { readonly init: InitName; readonly set: ServiceSet };
  readonly modules?: ModuleFacts;
  /** The only files of the packages that are kept: paths, or folders ending with a slash. Absent: all. */
  readonly keeps?: readonly string[];
}

/** Modules of a kernel by name. Their dependencies are added. `from`: the package with the kernel. */
export interface ModuleFacts {
  readonly from: string;
  readonly names: readonly string[];
}

/**
 * Path without a leading slash -> entry. Parent folders need no row. `digestWord` in the name of a file is
 * replaced by the digest of its content. Texts of the same tree may contain that name too.
 */
export type FileFacts<Made extends string = string> = Readonly<Record<string, FileFact<Made>>>;

export const digestWord = '<digest>';

export type FileFact<Made extends string = string> = Attributes &
  /** A file that a component produced: "kernel/kernel" is the output "kernel" of the component "kernel". */
  (
    | { readonly made: Made }
    /** The bzImage of a setup program that a component produced. */
    | { readonly bzImage: Made }
    | { readonly text: string }
    /** Text appended to the file of that name in the packages. */
    | { readonly append: string }
    | { readonly link: string }
    | { readonly folder: true }
    /** A single file of a package: "kernel:boot/vmlinuz-*". Exactly one file must match. */
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

/** The parts of GRUB's core image. */
export interface GrubFacts {
  readonly modules: readonly string[];
  /** Modules that are included if this GRUB has them. */
  readonly optionalModules?: readonly string[];
  /** The configuration that it starts with. */
  readonly config: string;
}

/** Redox's first file system. `bootstrap`: the output that is its first program. */
export interface InitfsFacts<Made extends string = string> {
  /** The format generation of the kernel that reads it. */
  readonly generation: 'older' | 'newer';
  readonly bootstrap: Made;
  readonly files: FileFacts<Made>;
}

interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /**
   * Extended attributes: name -> value in the form of setfattr(1), which is text, "0x" and hexadecimal
   * digits, or "0s" and base64. Only ext4 supports them.
   */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Capabilities of a program that are permitted and effective, as after setcap(8) "cap_net_raw+ep". */
  readonly capabilities?: readonly string[];
}

/** Programs of packages that are replaced by components. `Made`: the outputs of components that it may name. */
export interface Replacement<Made extends string = string> {
  /** Packages whose programs are replaced. Packages that are not installed are ignored. */
  readonly original: readonly string[];
  /** The files that it provides instead. */
  readonly provides: FileFacts<Made>;
  /** Files of the original that are kept: paths, or folders ending with a slash. */
  readonly stays?: readonly string[];
  /** Commands of the original that are not needed. */
  readonly dispensable?: readonly string[];
  /** A multicall program and the names by which it is called. Its list (`--list`) must contain all of them. */
  readonly multicall?: Multicall<Made>;
  /** Checks in the guest that the replacement works. */
  readonly checks: readonly GuestCheck[];
}

export interface Multicall<Made extends string = string> {
  /** The output of a component: "coreutils/coreutils". */
  readonly program: Made;
  readonly at: string;
  /** Link -> name. */
  readonly links: Readonly<Record<string, string>>;
}

/**
 * The variant of a system that Nix builds. `Name` and `Made`: the components, and the outputs of components,
 * that it may name.
 */
export interface NixBase<Name extends string = string, Made extends string = string> {
  /**
   * A folder with a default.nix, relative to that of the page: a function of `nixpkgs` and `rustPackages`
   * whose attributes are systems.
   */
  readonly expression: string;
  /** By the names of the system's profiles. */
  readonly profiles: Readonly<Record<string, NixProfile<Name, Made>>>;
  readonly image: NixImageFacts<Made>;
}

export interface NixProfile<Name extends string = string, Made extends string = string> {
  readonly attribute: string;
  /** How QEMU starts the kernel of the system, if it is not Linux. */
  readonly protocol?: KernelProtocol;
  readonly components: readonly Name[];
  /** The content of `rustPackages`: packages by name, each with its files. */
  readonly packages: Readonly<Record<string, FileFacts<Made>>>;
}

/** One ext4 on the whole disk: the closure and a few more files. */
export interface NixImageFacts<Made extends string = string> {
  readonly label: string;
  /** The older format. */
  readonly ext2?: true;
  readonly timestampSec: number;
  /** Free space for the running system, in bytes. */
  readonly spareBytes: number;
  readonly files: FileFacts<Made>;
  /** A link to the system ("nix/var/nix/profiles/system"). */
  readonly link: string;
}
