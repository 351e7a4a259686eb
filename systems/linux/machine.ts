// The machine for any Linux: what a distribution's image expects of a virtual machine.
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';

export const machine: MachineDescription = { firmware: 'uefi', memoryBytes: GiB, cpus: 2, imageInterface: 'virtio' };
