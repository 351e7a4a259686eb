// The machine for rust-nixos. Debian's cloud kernel has NVMe and ext4 built in, so that a disk on NVMe needs no initial RAM disk.
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';

export const machine: MachineDescription = {
  firmware: 'bios',
  memoryBytes: GiB,
  cpus: 2,
  imageInterface: 'nvme',
  network: { kind: 'user', forwards: [] },
};

/** Modules that are not built into the cloud kernel, and that a machine may need. */
export const kernelModules = ['autofs4', 'dummy', 'virtio_balloon', 'virtio_blk', 'virtio_net', 'virtio_rng'] as const;
