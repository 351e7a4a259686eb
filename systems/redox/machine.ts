// The machine for Redox: like upstream's `make qemu`, whose default disk is NVMe too.
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';

export const machine: MachineDescription = {
  firmware: 'uefi',
  // With 4 GiB some images hang without a message. With upstream's 2 GiB they do not.
  memoryBytes: 2 * GiB,
  cpus: 2,
  imageInterface: 'nvme',
  // It has no screen, so the bootloader does not stop at its menu of screen modes.
  prefersCloudHypervisor: true,
};
