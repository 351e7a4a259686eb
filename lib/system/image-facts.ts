// An image as facts that one can read: partitions, and for each file where its bytes come from. image-layout.ts makes a layout of them.
import type { ServiceSet } from './services.ts';

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

/** Returns the rows of an image that name files of components' sources: "base:init.d". */
export function sourceRows(facts: ImageFacts): readonly string[] {
  return allRows(facts).flatMap((fact) => ('source' in fact ? [fact.source] : []));
}

/** Returns the absolute paths of files of the host that are in an image as they are. */
export function hostFiles(facts: ImageFacts): readonly string[] {
  const whole = facts.partitions.flatMap(({ fileSystem }) => (fileSystem.kind === 'cpio' && fileSystem.file !== undefined ? [fileSystem.file] : []));
  return [...whole, ...allRows(facts).flatMap((fact) => ('file' in fact ? [fact.file] : []))];
}

/** The image with a file of the host as the initramfs of the system's own kernel. That of a kernel with modules is another one. */
export function withInitramfs(facts: ImageFacts, path: string): ImageFacts {
  const image = withFiles(facts, (fact) => ('initramfs' in fact && !fact.initramfs.modules ? { file: path } : fact));
  const partitions = image.partitions.map((partition): PartitionFacts => {
    const { fileSystem } = partition;
    return fileSystem.kind === 'cpio' ? { ...partition, fileSystem: { ...fileSystem, file: path }, files: {} } : partition;
  });
  return { ...image, partitions };
}

/** The image with other words in the texts of its files. */
export function withWords(facts: ImageFacts, from: string, to: string): ImageFacts {
  return withFiles(facts, (fact) => ('text' in fact ? { ...fact, text: fact.text.replaceAll(from, () => to) } : fact));
}

/** The image with each row changed, also those of archives and file systems in it. */
function withFiles(facts: ImageFacts, change: (fact: FileFact) => FileFact): ImageFacts {
  const changed = (files: FileFacts): FileFacts => Object.fromEntries(Object.entries(files).map(([name, fact]) => [name, inner(change(fact))] as const));
  const inner = (fact: FileFact): FileFact => {
    if ('initramfs' in fact) return { ...fact, initramfs: { ...fact.initramfs, files: changed(fact.initramfs.files) } };
    if ('fat' in fact) return { ...fact, fat: { ...fact.fat, files: changed(fact.fat.files) } };
    if ('initfs' in fact) return { ...fact, initfs: { ...fact.initfs, files: changed(fact.initfs.files) } };
    return fact;
  };
  return { ...facts, partitions: facts.partitions.map((partition) => ({ ...partition, files: changed(partition.files) })) };
}

/** Whether a file of the image comes from a package that is taken alone. */
export function hasPackagedFiles(facts: ImageFacts): boolean {
  const packaged = (fact: FileFact): boolean => 'packaged' in fact || ('initramfs' in fact && fact.initramfs.modules !== undefined);
  return facts.partitions.some(({ root }) => root?.modules) || allRows(facts).some(packaged);
}

/** Every row, also those of archives and file systems in the image. */
function allRows({ partitions }: ImageFacts): readonly FileFact[] {
  const of = (files: FileFacts): readonly FileFact[] =>
    Object.values(files).flatMap((fact) => {
      const inner = 'initfs' in fact ? fact.initfs : 'initramfs' in fact ? fact.initramfs : 'fat' in fact ? fact.fat : undefined;
      return [fact, ...(inner ? of(inner.files) : [])];
    });
  return partitions.flatMap(({ files }) => of(files));
}
