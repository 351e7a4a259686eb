// A machine as data (firmware, memory, processors, disks), and the operations on a running one. This module
// knows neither the program that runs the machine (qemu/) nor the system in it.
import type { Socket } from 'node:net';

export type Firmware = 'uefi' | 'bios';
export type DiskInterface = 'nvme' | 'virtio' | 'ide' | 'cdrom';
export type Accelerator = 'kvm' | 'tcg';
export type AcceleratorChoice = Accelerator | 'auto';
/** The program that runs the machine. */
export type Monitor = 'qemu' | 'cloud-hypervisor';

/** The machine of a system: a part of its page. */
export interface MachineDescription {
  readonly firmware: Firmware;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Greatest number of processors if some can be added while the machine runs. Absent: none can be added. */
  readonly maxCpus?: number;
  /**
   * The machine that QEMU emulates: a PC with PCI Express, or a small machine without firmware for a kernel
   * that is started directly. Default: q35.
   */
  readonly board?: 'q35' | 'microvm';
  /** How the system's image is attached. `initrd`: it is the initramfs of the kernel, and there is no disk. */
  readonly imageInterface: DiskInterface | 'initrd';
  /** A second disk, which the guest may write, for systems that install another one. */
  readonly targetDisk?: TargetDisk;
  /** A kernel that is started without firmware and boot loader. */
  readonly kernel?: DirectKernel;
  /** Absent: the machine has no network. */
  readonly network?: Network;
  /** The console device: a UART (ttyS0 in Linux), or a virtio console (hvc0). Default: the UART. */
  readonly console?: 'uart' | 'virtio';
  /** A text or graphics screen. Absent: no screen. A failed boot saves a screenshot of it. */
  readonly display?: Display;
  /** Folders of the host that are shared with the guest. */
  readonly shares?: readonly SharedFolder[];
  /** How the folders are attached. Absent: virtio-fs if the host supports it, otherwise 9P. */
  readonly shareDriver?: ShareDriver;
  /** QEMU's gdb server on the host's loopback interface. `wait`: the processors start when gdb starts them. */
  readonly gdb?: { readonly port: number; readonly wait: boolean };
  /**
   * The guest may end the machine by writing a status to port 0xf4 (QEMU's isa-debug-exit). This status means
   * that it booted, and every other one that it did not.
   */
  readonly debugExit?: { readonly success: number };
  /**
   * Whether a run on a terminal uses Cloud Hypervisor if that is installed and KVM works. Absent: QEMU runs
   * the machine.
   */
  readonly prefersCloudHypervisor?: true;
  /**
   * Arguments for QEMU that replace firmware, memory, processors, network and console of this description.
   * Disks, the kernel, gdb's server and the control sockets are added to them.
   */
  readonly written?: WrittenArguments;
  /** A reset restarts the machine. Absent: a reset ends the machine, so that a boot loop is detected. */
  readonly resets?: true;
  /** Further arguments of the machine monitor, at the end of its command line. */
  readonly extraArguments?: readonly string[];
}

/** Arguments for QEMU that a user or a program wrote. They replace those of a machine's description. */
export interface WrittenArguments {
  /** A name, or a path relative to the folder. Default: qemu-system-x86_64. */
  readonly program?: string;
  readonly words: readonly string[];
  /** Absolute path of the folder in which QEMU runs, so that relative paths in the arguments work. */
  readonly folder: string;
}

/** How the screen of a machine is displayed. */
export type Display =
  /** Not displayed: the screen is only read by screenshots. */
  | { readonly kind: 'hidden' }
  /** A window on the desktop of the host. */
  | { readonly kind: 'window'; readonly toolkit: WindowToolkit }
  /** A VNC server at TCP port 5900 + `number` of an address of this host. It has no password. */
  | { readonly kind: 'vnc'; readonly host: string; readonly number: number };

export type WindowToolkit = 'gtk' | 'sdl';

/** The TCP port of VNC display 0. */
export const firstVncPort = 5900;

/** A folder of the host, by an absolute path, that the guest mounts by its tag. */
export interface SharedFolder {
  readonly path: string;
  readonly tag: string;
  readonly readOnly: boolean;
}

/** `virtiofs` needs the daemon virtiofsd on the host. QEMU itself serves `9p`. */
export type ShareDriver = 'virtiofs' | '9p';

/** A kernel as a boot loader would start it; paths are absolute. */
export interface DirectKernel {
  readonly image: string;
  readonly initrd?: string;
  readonly commandLine: string;
}

export type Network =
  /**
   * NAT of the monitor, which needs no permissions. `forwards`: ports of the host's loopback interface that
   * lead to the guest.
   */
  | { readonly kind: 'user'; readonly forwards: readonly Forward[] }
  /** An existing TAP device (lib/machine/network.ts creates one). */
  | { readonly kind: 'tap'; readonly device: string };

export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A virtio disk that the guest can write permanently. */
export interface TargetDisk {
  /** Size of a new, empty disk in bytes. */
  readonly sizeBytes: number;
  /**
   * Absolute path. An empty file is created if it does not exist. Absent: the disk is empty and is removed
   * with the machine.
   */
  readonly path?: string;
}

/**
 * A disk of a machine. The image is not changed unless `keepsWrites` is set, because writes go to a temporary
 * overlay.
 */
export interface Disk {
  readonly path: string;
  readonly interface: DiskInterface;
  /** Writes of the guest go to the file. */
  readonly keepsWrites?: true;
  /** Raw, except for the disk of a snapshot. */
  readonly format?: 'raw' | 'qcow2';
}

export interface MachineInfo {
  /** The monitor's own word: "running", "paused". */
  readonly state: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface MachineSize {
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

export type PictureFormat = 'ppm' | 'png';

/**
 * The operations on a running machine, which are the verbs of `tasks/vm.ts`. They are the same for each
 * program that runs machines. Every verb fails with a Failure that has the monitor's message.
 */
export interface MachineControl {
  info(): Promise<MachineInfo>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Requests another size. The guest has to cooperate. */
  resize(size: MachineSize): Promise<void>;
  /**
   * Writes the machine's state and the changes of its disks to an existing folder. Then the machine continues
   * in its previous state.
   */
  snapshot(folder: string): Promise<void>;
  /** Writes a screenshot to an absolute path. */
  screenshot(file: string, format: PictureFormat): Promise<void>;
  /** Presses the power button. */
  shutdown(): Promise<void>;
  close(): void;
}

/** The end of a machine. */
export interface MachineEnd {
  /** Null if a signal ended QEMU. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  /** Messages of QEMU itself. They are never part of the console. */
  readonly hostLines: readonly string[];
}

/** A machine that was started. */
export interface RunningMachine {
  readonly pid: number;
  readonly accelerator: Accelerator;
  /** COM1, both directions, unchanged bytes. */
  readonly serial: Socket;
  /** A unix socket at which other clients may use COM1 as well. It exists until `release()`. */
  readonly attachPath: string;
  /** Only QEMU has these operations for a failed machine. */
  readonly control: QemuControl | undefined;
  /** Resolves when QEMU has ended and every byte of the console has been read. Never rejects. */
  readonly ended: Promise<MachineEnd>;
  /**
   * Removes the run directory while the machine keeps running, so that even SIGKILL leaves no files. No
   * client can attach afterwards.
   */
  release(): Promise<void>;
  /** Ends QEMU if it runs, waits for its end and removes all files. */
  stop(): Promise<MachineEnd>;
}

/** Additional operations of QEMU, for failed machines. */
export interface QemuControl extends MachineControl {
  /** Returns the registers of every processor, as QEMU prints them. */
  registers(): Promise<string>;
}
