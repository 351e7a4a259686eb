// The machine for Asterinas: the shape of upstream's OSDK default (q35, virtio over PCI, UEFI), and the device by which its kernel says how it ended.
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

/** A kernel that QEMU loads itself, with the image as its initramfs. */
export const direct: Partial<MachineDescription> = { firmware: 'bios', imageInterface: 'initrd' };

/** A kernel that QEMU gives to the firmware, which starts it. */
export const efi: Partial<MachineDescription> = { imageInterface: 'initrd' };

/** As `direct`, on the small machine of micro virtual machines, which has no PCI. */
export const microvm: Partial<MachineDescription> = { ...direct, board: 'microvm' };

/** An image that is a CD. */
export const cd: Partial<MachineDescription> = { imageInterface: 'cdrom' };
