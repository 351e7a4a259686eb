// What a machine is, as data: firmware, memory, processors, disks. Knows neither the program that runs it (qemu.ts) nor what it
// boots or says.

export type Firmware = 'uefi' | 'bios';
export type DiskInterface = 'nvme' | 'virtio' | 'ide';
export type Accelerator = 'kvm' | 'tcg';

/** The machine that a system wants: a part of its page. */
export interface MachineDescription {
  readonly firmware: Firmware;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** How the system's image is attached. */
  readonly imageInterface: DiskInterface;
  /** Further words for the machine monitor, at the end of its command line. */
  readonly extraArguments?: readonly string[];
}

/** A disk of a machine: a raw image that is never changed, because writes go to a temporary overlay. */
export interface Disk {
  readonly path: string;
  readonly interface: DiskInterface;
}
