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
  /** Room for processors that are plugged in while the machine runs; without it there is none. */
  readonly maxCpus?: number;
  /** How the system's image is attached. */
  readonly imageInterface: DiskInterface;
  /** A kernel that is started without firmware and boot loader. */
  readonly kernel?: DirectKernel;
  /** Without it the machine has no network. */
  readonly network?: Network;
  /** A text or graphics screen, of which a failed boot leaves a picture. */
  readonly display?: true;
  /**
   * The guest may end the machine with a status of its own by writing it to port 0xf4 (QEMU's isa-debug-exit): this one says that it booted,
   * every other one that it did not.
   */
  readonly debugExit?: { readonly success: number };
  /** Further words for the machine monitor, at the end of its command line. */
  readonly extraArguments?: readonly string[];
}

/** A kernel as a boot loader would start it; paths are absolute. */
export interface DirectKernel {
  readonly image: string;
  readonly initrd?: string;
  readonly commandLine: string;
}

export type Network =
  /** Behind the monitor's own NAT, which needs no rights. `forwards`: ports of this host's loopback that lead into the guest. */
  | { readonly kind: 'user'; readonly forwards: readonly Forward[] }
  /** A TAP device that exists (lib/machine/network.ts makes one). */
  | { readonly kind: 'tap'; readonly device: string };

export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A disk of a machine: an image that is never changed, because writes go to a temporary overlay. */
export interface Disk {
  readonly path: string;
  readonly interface: DiskInterface;
  /** Raw, except that of a snapshot. */
  readonly format?: 'raw' | 'qcow2';
}
