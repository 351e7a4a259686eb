// What a variant of rust-nixos is, as a row of its page, and the disks that it may be on.
import { MiB } from '../../lib/core/sizes.ts';
import type { GuestCheck } from '../../lib/console/rules.ts';
import type { ServiceSet } from '../../lib/system/services.ts';
import type { ComponentName } from './components.ts';
import type { Init } from './init.ts';
import { smallKeeps } from './small.ts';

/** What is different between the variants. */
export interface Variant {
  readonly title: string;
  readonly init: Init;
  /** Rows of replacements.ts. */
  readonly replace: readonly string[];
  /** What those rows need. */
  readonly components: readonly ComponentName[];
  readonly disk: Disk;
  /** What runs; default: services.ts. */
  readonly services?: ServiceSet;
  /** What is looked at besides the init, sudo and what was replaced. */
  readonly checks?: readonly GuestCheck[];
  /** The behaviour suite is run in place of all checks. */
  readonly isSuite?: true;
}

export interface Disk {
  readonly sizeBytes: number;
  /** `direct`: one ext4 on the whole disk, and the machine starts the kernel. `uefi`: firmware starts systemd-boot from an ESP. */
  readonly start: 'direct' | 'uefi';
  /** Only these files of the packages, only these modules, and the kernel as a file. */
  readonly only?: { readonly files: readonly string[]; readonly modules: readonly string[] };
}

export const bareDisk: Disk = { sizeBytes: 256 * MiB, start: 'direct' };
export const uefiDisk: Disk = { sizeBytes: 384 * MiB, start: 'uefi' };
/** What a login needs, and nothing that installs packages. */
export const smallDisk: Disk = {
  sizeBytes: 64 * MiB,
  start: 'direct',
  only: { files: smallKeeps, modules: ['dummy', 'virtio_net'] },
};
