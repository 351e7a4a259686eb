// The layout of a disk image: its size, its partition table, and the file system in each partition.
import type { Ext4Base } from './ext4/ext4.ts';
import type { FileTree } from './file-tree.ts';
import type { PartitionRequest } from './partitions.ts';

export type PartitionContents =
  | { readonly kind: 'fat'; readonly label: string; readonly tree: FileTree }
  | { readonly kind: 'ext4'; readonly label: string; readonly tree: FileTree; readonly base?: Ext4Base; readonly ext2?: true }
  /**
   * `compress`: records are compressed with LZ4 if that saves blocks. `password`: the file system is
   * encrypted, with random keys that the password opens.
   */
  | { readonly kind: 'redoxfs'; readonly tree: FileTree; readonly compress?: boolean; readonly password?: string }
  /** An initramfs, which is the whole image and has the size of its content. */
  | { readonly kind: 'cpio'; readonly tree: FileTree; readonly gzip?: boolean; readonly file?: string }
  /** ISO 9660, which is the whole image. `efiImage`: the path of the file that UEFI firmware starts from. */
  | { readonly kind: 'iso'; readonly tree: FileTree; readonly label: string; readonly efiImage: string };

export interface PartitionLayout extends PartitionRequest {
  readonly typeGuid: string;
  readonly contents: PartitionContents;
}

export interface ImageLayout {
  readonly sizeBytes: number;
  /** 'none': the only partition is the whole image. Default: 'gpt'. */
  readonly table?: 'gpt' | 'none';
  readonly partitions: readonly PartitionLayout[];
  /** All times in the image, in seconds since 1970. */
  readonly timestampSec: number;
}
