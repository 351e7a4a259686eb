// A machine description to QEMU's command line: small pure functions, one per concern. Starts nothing and looks at no file.
// Options as in QEMU's manual, "Invocation"; known to work with 7.2 and later.
import { MiB } from '../core/sizes.ts';
import type { Accelerator, Disk, MachineDescription } from './machine.ts';

export const qemuProgram = 'qemu-system-x86_64';

/** The two flash images of UEFI firmware: code is shared and read-only, variables are this run's own copy. */
export interface Flash {
  readonly code: string;
  readonly variables: string;
  /** Fedora ships qcow2. */
  readonly format: 'raw' | 'qcow2';
}

export interface QemuPlan {
  readonly machine: MachineDescription;
  readonly accelerator: Accelerator;
  /** The first is the one that is booted. */
  readonly disks: readonly Disk[];
  /** Undefined for BIOS firmware, which QEMU has built in. */
  readonly flash: Flash | undefined;
  /** A unix socket on which we listen and QEMU connects: COM1. */
  readonly serialSocket: string;
}

/** All words after the program's name. */
export function qemuArguments(plan: QemuPlan): string[] {
  return [
    ...bareArguments(),
    ...acceleratorArguments(plan.accelerator),
    ...sizeArguments(plan.machine),
    ...(plan.flash ? flashArguments(plan.flash) : []),
    ...plan.disks.flatMap(diskArguments),
    ...serialArguments(plan.serialSocket),
    ...(plan.machine.extraArguments ?? []),
  ];
}

/** No device that was not asked for, no window; a reset ends the machine, so that a boot loop is seen. */
export function bareArguments(): string[] {
  return ['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none', '-no-reboot'];
}

/** Without cx16 under TCG: QEMU 7.2 corrupts memory when the guest runs cmpxchg16b, and a quarter of the boots of a Linux fail. */
export function acceleratorArguments(accelerator: Accelerator): string[] {
  return ['-machine', `q35,accel=${accelerator}`, '-cpu', accelerator === 'kvm' ? 'host' : 'max,-cx16'];
}

export function sizeArguments({ memoryBytes, cpus }: Pick<MachineDescription, 'memoryBytes' | 'cpus'>): string[] {
  return ['-m', `size=${Math.ceil(memoryBytes / MiB)}M`, '-smp', `cpus=${cpus}`];
}

export function flashArguments({ code, variables, format }: Flash): string[] {
  return [
    '-drive',
    `if=pflash,unit=0,readonly=on,format=${format},file=${optionValue(code)}`,
    '-drive',
    `if=pflash,unit=1,format=${format},file=${optionValue(variables)}`,
  ];
}

/** Writes go to a temporary overlay (snapshot=on): a test never changes an image, and several may boot the same. */
export function diskArguments(disk: Disk, index: number): string[] {
  const id = `disk${index}`;
  const device = {
    nvme: `nvme,drive=${id},serial=${id}`,
    virtio: `virtio-blk-pci,drive=${id}`,
    ide: `ide-hd,drive=${id},bus=ide.${index}`,
  }[disk.interface];
  return ['-drive', `if=none,id=${id},format=raw,snapshot=on,file=${optionValue(disk.path)}`, '-device', device];
}

export function serialArguments(socket: string): string[] {
  return ['-chardev', `socket,id=serial0,path=${optionValue(socket)}`, '-serial', 'chardev:serial0'];
}

/** In a list of options, a comma of a value is written twice. */
export function optionValue(text: string): string {
  return text.replaceAll(',', ',,');
}
