// The machine for Asterinas: the shape of upstream's OSDK default (q35, virtio over PCI, UEFI).
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';

export const machine: MachineDescription = { firmware: 'uefi', memoryBytes: 2 * GiB, cpus: 2, imageInterface: 'virtio' };
