// A variant of rust-nixos as a row of its page, and the disks for variants.
import { MiB } from '../../lib/core/sizes.ts';
import type { GuestCheck } from '../../lib/console/rules.ts';
import type { ServiceSet } from '../../lib/system/services.ts';
import type { ComponentName } from './components.ts';
import type { Init } from './init.ts';
import { smallKeeps } from './small.ts';

/** The differences between the variants. */
export interface Variant {
  readonly title: string;
  readonly init: Init;
  /** Names of rows of replacements.ts. */
  readonly replace: readonly string[];
  /** Components that those rows need. */
  readonly components: readonly ComponentName[];
  readonly disk: Disk;
  /** The services. Default: services.ts. */
  readonly services?: ServiceSet;
  /** Checks in addition to those of the init, sudo and the replacements. */
  readonly checks?: readonly GuestCheck[];
  /** Runs the behaviour suite instead of all checks. */
  readonly isSuite?: true;
}

export interface Disk {
  readonly sizeBytes: number;
  /** `direct`: one ext4 on the whole disk, and the machine starts the kernel. `uefi`: firmware starts systemd-boot from an ESP. */
  readonly start: 'direct' | 'uefi';
  /** Limits the image to these files of the packages and these modules, with the kernel as a file. */
  readonly only?: { readonly files: readonly string[]; readonly modules: readonly string[] };
}

export const bareDisk: Disk = { sizeBytes: 256 * MiB, start: 'direct' };
export const uefiDisk: Disk = { sizeBytes: 384 * MiB, start: 'uefi' };
/** The files for a login, without those that install packages. */
export const smallDisk: Disk = {
  sizeBytes: 64 * MiB,
  start: 'direct',
  only: { files: smallKeeps, modules: ['dummy', 'virtio_net'] },
};
