// The machine for Asterinas: like upstream's OSDK default (q35, virtio over PCI, UEFI), and the device with
// which its kernel reports its result.
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';

export const machine: MachineDescription = {
  firmware: 'uefi',
  memoryBytes: 2 * GiB,
  cpus: 2,
  imageInterface: 'virtio',
  // Upstream's value for success; 0x20 is a failure.
  debugExit: { success: 0x10 },
};

/** For a kernel that QEMU itself loads, with the image as its initramfs. */
export const direct: Partial<MachineDescription> = { firmware: 'bios', imageInterface: 'initrd' };

/** For a kernel that QEMU passes to the firmware, which starts it. */
export const efi: Partial<MachineDescription> = { imageInterface: 'initrd' };

/** As `direct`, on the small machine for micro virtual machines, which has no PCI. */
export const microvm: Partial<MachineDescription> = { ...direct, board: 'microvm' };

/** An image that is a CD. */
export const cd: Partial<MachineDescription> = { imageInterface: 'cdrom' };
