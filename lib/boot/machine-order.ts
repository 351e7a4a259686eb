// What a machine is started with: its description, its image, and which program emulates it.
import type { AcceleratorChoice, MachineDescription, Monitor } from '../machine/machine.ts';

/** `auto`: Cloud Hypervisor where the page prefers it and the host has it, else QEMU. */
export type MonitorChoice = Monitor | 'auto';

export interface MachineOrder {
  readonly machine: MachineDescription;
  /** Absolute. It is not changed. Undefined: a kernel is started directly, without a disk. */
  readonly image: string | undefined;
  /** A snapshot's folder: the machine goes on from its state, with its disks. */
  readonly restore?: string;
  readonly accelerator: AcceleratorChoice;
  readonly monitor: MonitorChoice;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}
