// What a machine is, as data (firmware, memory, processors, disks), and what can be done to one that runs. Knows neither the program that runs it
// (qemu/) nor what it boots or says.
import type { Socket } from 'node:net';

export type Firmware = 'uefi' | 'bios';
export type DiskInterface = 'nvme' | 'virtio' | 'ide' | 'cdrom';
export type Accelerator = 'kvm' | 'tcg';
export type AcceleratorChoice = Accelerator | 'auto';
/** The program that runs the machine. */
export type Monitor = 'qemu' | 'cloud-hypervisor';

/** The machine that a system wants: a part of its page. */
export interface MachineDescription {
  readonly firmware: Firmware;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Room for processors that are plugged in while the machine runs; without it there is none. */
  readonly maxCpus?: number;
  /** What QEMU emulates: a PC with PCI Express, or a small machine without firmware for a kernel that is started directly. Default: q35. */
  readonly board?: 'q35' | 'microvm';
  /** How the system's image is attached. `initrd`: it is the initramfs of the kernel, and there is no disk. */
  readonly imageInterface: DiskInterface | 'initrd';
  /** A second disk, which the guest may write: for systems that install another one. */
  readonly targetDisk?: TargetDisk;
  /** A kernel that is started without firmware and boot loader. */
  readonly kernel?: DirectKernel;
  /** Without it the machine has no network. */
  readonly network?: Network;
  /** The device that the console is: a UART (ttyS0 of a Linux), or a virtio console (hvc0). Default: the UART. */
  readonly console?: 'uart' | 'virtio';
  /** A text or graphics screen; without it there is none. A failed boot leaves a picture of it. */
  readonly display?: Display;
  /** Folders of the host that the guest sees. */
  readonly shares?: readonly SharedFolder[];
  /** How the folders are attached; without it virtio-fs where the host can, else 9P. */
  readonly shareDriver?: ShareDriver;
  /** QEMU's server for gdb on the host's loopback. `wait`: the processors start when gdb lets them. */
  readonly gdb?: { readonly port: number; readonly wait: boolean };
  /**
   * The guest may end the machine with a status of its own by writing it to port 0xf4 (QEMU's isa-debug-exit): this one says that it booted,
   * every other one that it did not.
   */
  readonly debugExit?: { readonly success: number };
  /**
   * Whether a run on a terminal uses Cloud Hypervisor where that is installed and KVM works. Without it QEMU
   * runs the machine.
   */
  readonly prefersCloudHypervisor?: true;
  /**
   * Words for QEMU in place of firmware, memory, processors, network and console of this description. Disks, the kernel, gdb's server and the control
   * sockets are added to it.
   */
  readonly written?: WrittenArguments;
  /** A reset starts the machine over; without it, it ends the machine, so that a boot loop is seen. */
  readonly resets?: true;
  /** Further words for the machine monitor, at the end of its command line. */
  readonly extraArguments?: readonly string[];
}

/** Words for QEMU that a user or a program wrote, in place of those of a machine's description. */
export interface WrittenArguments {
  /** A name, or a path, which is relative to the folder. Default: qemu-system-x86_64. */
  readonly program?: string;
  readonly words: readonly string[];
  /** Absolute: QEMU runs in it, so that relative paths in the words hold. */
  readonly folder: string;
}

/** What shows the screen of a machine. */
export type Display =
  /** Nothing: the screen is only read by screen dumps. */
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
  /** Behind the monitor's own NAT, which needs no rights. `forwards`: ports of this host's loopback that lead into the guest. */
  | { readonly kind: 'user'; readonly forwards: readonly Forward[] }
  /** A TAP device that exists (lib/machine/network.ts makes one). */
  | { readonly kind: 'tap'; readonly device: string };

export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** A virtio disk that keeps what the guest writes. */
export interface TargetDisk {
  /** The size of an empty one. */
  readonly sizeBytes: number;
  /** Absolute; an empty file is made if it does not exist. Without it the disk is empty and ends with the machine. */
  readonly path?: string;
}

/** A disk of a machine: an image that is never changed, because writes go to a temporary overlay, unless it says otherwise. */
export interface Disk {
  readonly path: string;
  readonly interface: DiskInterface;
  /** What the guest writes is written to the file. */
  readonly keepsWrites?: true;
  /** Raw, except that of a snapshot. */
  readonly format?: 'raw' | 'qcow2';
}

export interface MachineInfo {
  /** In the monitor's words: "running", "paused". */
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
 * What can be done to a machine that runs, whatever program runs it: the verbs of `tasks/vm.ts`. Every verb fails with a Failure in the monitor's own
 * words.
 */
export interface MachineControl {
  info(): Promise<MachineInfo>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Asks for another size; the guest has to play along. */
  resize(size: MachineSize): Promise<void>;
  /** Writes the machine's state, and what its disks differ by, into a folder that exists; then goes on as it was. */
  snapshot(folder: string): Promise<void>;
  /** Writes a picture of the screen to an absolute path. */
  screenshot(file: string, format: PictureFormat): Promise<void>;
  /** Presses the power button. */
  shutdown(): Promise<void>;
  close(): void;
}

/** How a machine ended. */
export interface MachineEnd {
  /** null when a signal ended QEMU. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  /** What QEMU itself said; never a part of the console. */
  readonly hostLines: readonly string[];
}

/** A machine that was started. */
export interface RunningMachine {
  readonly pid: number;
  readonly accelerator: Accelerator;
  /** COM1, both directions, bytes as they are. */
  readonly serial: Socket;
  /** A unix socket at which others may talk to COM1 as well. It lasts until `release()`. */
  readonly attachPath: string;
  /** Only QEMU tells of a failed machine. */
  readonly control: QemuControl | undefined;
  /** Resolves when QEMU has ended and every byte of the console has been read. Never rejects. */
  readonly ended: Promise<MachineEnd>;
  /** Nobody will attach any more: the files of the run are removed while it goes on, so that not even SIGKILL leaves any. */
  release(): Promise<void>;
  /** Ends QEMU if it runs, waits for its end and removes all files. */
  stop(): Promise<MachineEnd>;
}

/** What else QEMU does for one that failed. */
export interface QemuControl extends MachineControl {
  /** The registers of every processor, as QEMU prints them. */
  registers(): Promise<string>;
}
