// Converts a machine description to QEMU's command line, and adapts arguments that were written for a
// terminal: small pure functions, one per concern. Starts nothing and reads no file. Options as in QEMU's
// manual, "Invocation"; known to work with 7.2 and later.
import { MiB } from '../../core/sizes.ts';
import type { Accelerator, DirectKernel, Disk, Display, MachineDescription, Network, WrittenArguments } from '../machine.ts';
import type { AttachedShare } from '../shares.ts';

export const qemuProgram = 'qemu-system-x86_64';

/**
 * The two flash images of UEFI firmware. The code is shared and read-only, and the variables are a private
 * copy of this run.
 */
export interface Flash {
  readonly code: string;
  readonly variables: string;
  /** Fedora ships qcow2. */
  readonly format: 'raw' | 'qcow2';
}

export interface QemuPlan {
  readonly machine: MachineDescription;
  readonly accelerator: Accelerator;
  /** The first is the boot disk. */
  readonly disks: readonly Disk[];
  /** Undefined for BIOS firmware, which QEMU has built in. */
  readonly flash: Flash | undefined;
  /** The shared folders of the machine, with their sockets. */
  readonly shares: readonly AttachedShare[];
  /** A unix socket for COM1. This program listens on it and QEMU connects. */
  readonly serialSocket: string;
  /**
   * Unix sockets of QMP. This program listens on the first and QEMU connects. QEMU listens on the second for
   * `tasks/vm.ts`.
   */
  readonly monitorSocket: string;
  readonly controlSocket: string;
}

/** Returns all arguments. */
export function qemuArguments(plan: QemuPlan): string[] {
  const { written } = plan.machine;
  if (written) return writtenArguments(plan, written);
  return [
    ...bareArguments(plan.machine.display),
    ...resetArguments(plan.machine),
    ...acceleratorArguments(plan.accelerator, plan.machine.board),
    ...sizeArguments(plan.machine),
    ...(plan.flash ? flashArguments(plan.flash) : []),
    ...plan.disks.flatMap((disk, index) => diskArguments(disk, index, plan.machine.board)),
    ...(plan.machine.kernel ? kernelArguments(plan.machine.kernel) : []),
    ...(plan.machine.network ? networkArguments(plan.machine.network) : []),
    ...shareArguments(plan.shares, plan.machine.memoryBytes),
    ...(plan.machine.gdb ? gdbArguments(plan.machine.gdb) : []),
    ...(plan.machine.debugExit ? debugExitArguments : []),
    ...serialArguments(plan.serialSocket, plan.machine),
    ...controlArguments(plan.monitorSocket, plan.controlSocket),
    ...(plan.machine.extraArguments ?? []),
  ];
}

function writtenArguments({ machine, disks, serialSocket, monitorSocket, controlSocket }: QemuPlan, { words }: WrittenArguments): string[] {
  const tellsItsEnd = words.some((word) => word.startsWith('isa-debug-exit'));
  return [
    ...withoutTerminal(words, serialSocket),
    ...resetArguments(machine),
    ...disks.flatMap((disk, index) => diskArguments(disk, index, machine.board)),
    ...(machine.kernel ? kernelArguments(machine.kernel) : []),
    ...(machine.gdb ? gdbArguments(machine.gdb) : []),
    ...(machine.debugExit && !tellsItsEnd ? debugExitArguments : []),
    ...controlArguments(monitorSocket, controlSocket),
    ...(machine.extraArguments ?? []),
  ];
}

const debugExitArguments = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'];

/** Arguments without default devices. */
export function bareArguments(display?: Display): string[] {
  return ['-nodefaults', '-no-user-config', '-display', displayWord(display), '-vga', display ? 'std' : 'none'];
}

/** A reset ends the machine unless it may restart. */
export function resetArguments({ resets }: Pick<MachineDescription, 'resets'>): string[] {
  return resets ? [] : ['-no-reboot'];
}

function displayWord(display: Display | undefined): string {
  if (display === undefined || display.kind === 'hidden') return 'none';
  if (display.kind === 'window') return display.toolkit;
  const host = display.host.includes(':') ? `[${display.host}]` : display.host;
  return `vnc=${host}:${display.number}`;
}

/** Without ACPI, a microvm describes its old timer and interrupt controller to the kernel. Linux needs these in an emulator. */
const boards = { q35: 'q35', microvm: 'microvm,acpi=off,pit=on,pic=on,rtc=on' } as const;

/** Without cx16 under TCG: QEMU 7.2 corrupts memory when the guest runs cmpxchg16b, and a quarter of the boots of a Linux fail. */
export function acceleratorArguments(accelerator: Accelerator, board: MachineDescription['board'] = 'q35'): string[] {
  return ['-machine', `${boards[board]},accel=${accelerator}`, '-cpu', accelerator === 'kvm' ? 'host' : 'max,-cx16'];
}

/** The balloon is only added if the size may change, because the guest sees it as a device. */
export function sizeArguments({ memoryBytes, cpus, maxCpus }: Pick<MachineDescription, 'memoryBytes' | 'cpus' | 'maxCpus'>): string[] {
  const size = ['-m', `size=${Math.ceil(memoryBytes / MiB)}M`, '-smp'];
  if (maxCpus === undefined) return [...size, `cpus=${cpus}`];
  return [...size, `cpus=${cpus},maxcpus=${maxCpus}`, '-device', 'virtio-balloon-pci,id=balloon0'];
}

export function flashArguments({ code, variables, format }: Flash): string[] {
  return [
    '-drive',
    `if=pflash,unit=0,readonly=on,format=${format},file=${optionValue(code)}`,
    '-drive',
    `if=pflash,unit=1,format=${format},file=${optionValue(variables)}`,
  ];
}

/**
 * Writes go to a temporary overlay (snapshot=on) unless the disk keeps them. So a test never changes an
 * image, and several machines may boot the same one.
 */
export function diskArguments(disk: Disk, index: number, board?: MachineDescription['board']): string[] {
  const id = `disk${index}`;
  const device = {
    nvme: `nvme,drive=${id},serial=${id}`,
    virtio: `virtio-blk-${board === 'microvm' ? 'device' : 'pci'},drive=${id}`,
    ide: `ide-hd,drive=${id},bus=ide.${index}`,
    cdrom: `ide-cd,drive=${id},bus=ide.${index}`,
  }[disk.interface];
  const snapshot = disk.keepsWrites ? 'off' : 'on';
  const drive = `if=none,id=${id},format=${disk.format ?? 'raw'},snapshot=${snapshot},file=${optionValue(disk.path)}`;
  return ['-drive', drive, '-device', device];
}

/**
 * A machine with a virtio console has a UART too, because firmware and kernels write to one. The output of
 * the UART is discarded.
 */
export function serialArguments(socket: string, { console, board }: Pick<MachineDescription, 'console' | 'board'> = {}): string[] {
  const chardev = ['-chardev', `socket,id=serial0,path=${optionValue(socket)}`];
  if (console !== 'virtio') return [...chardev, '-serial', 'chardev:serial0'];
  const bus = board === 'microvm' ? 'virtio-serial-device' : 'virtio-serial-pci';
  const discarded = ['-chardev', 'null,id=uart0', '-serial', 'chardev:uart0'];
  return [...chardev, ...discarded, '-device', bus, '-device', 'virtconsole,chardev=serial0'];
}

/** QEMU loads the kernel itself, by Linux's boot protocol or Multiboot. */
export function kernelArguments({ image, initrd, commandLine }: DirectKernel): string[] {
  return ['-kernel', image, ...(initrd === undefined ? [] : ['-initrd', initrd]), '-append', commandLine];
}

/** Forwarded ports are reachable only from the host. */
export function networkArguments(network: Network): string[] {
  const backend =
    network.kind === 'user'
      ? ['user', 'id=net0', ...network.forwards.map(({ hostPort, guestPort }) => `hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`)]
      : ['tap', 'id=net0', `ifname=${optionValue(network.device)}`, 'script=no', 'downscript=no'];
  return ['-netdev', backend.join(','), '-device', 'virtio-net-pci,netdev=net0'];
}

/**
 * Folders of the host. A daemon of virtio-fs reads the guest's memory, so the memory is shared with it. With
 * 9P, `security_model=none` makes the files that the guest creates ordinary files of the user. A change of
 * owner that the host refuses is ignored.
 */
export function shareArguments(shares: readonly AttachedShare[], memoryBytes: number): string[] {
  const size = `${Math.ceil(memoryBytes / MiB)}M`;
  const memory = ['-object', `memory-backend-memfd,id=memory,size=${size},share=on`, '-machine', 'memory-backend=memory'];
  return [
    ...(shares.some(({ socket }) => socket !== undefined) ? memory : []),
    ...shares.flatMap(({ path, tag, readOnly, socket }, index) => {
      const id = `share${index}`;
      if (socket !== undefined) {
        const device = `vhost-user-fs-pci,chardev=${id},tag=${optionValue(tag)}`;
        return ['-chardev', `socket,id=${id},path=${optionValue(socket)}`, '-device', device];
      }
      const rights = readOnly ? ',readonly=on' : '';
      const folder = `local,id=${id},path=${optionValue(path)},security_model=none,multidevs=remap${rights}`;
      return ['-fsdev', folder, '-device', `virtio-9p-pci,fsdev=${id},mount_tag=${optionValue(tag)}`];
    }),
  ];
}

/** A client of the server controls the guest, so the server listens only on the loopback interface. */
export function gdbArguments({ port, wait }: { readonly port: number; readonly wait: boolean }): string[] {
  return ['-gdb', `tcp:127.0.0.1:${port}`, ...(wait ? ['-S'] : [])];
}

/** QMP serves one client per socket, so there are two sockets. */
export function controlArguments(monitorSocket: string, controlSocket: string): string[] {
  return [
    ...['-chardev', `socket,id=monitor0,path=${optionValue(monitorSocket)}`, '-mon', 'chardev=monitor0,mode=control'],
    ...['-chardev', `socket,id=control0,path=${optionValue(controlSocket)},server=on,wait=off`, '-mon', 'chardev=control0,mode=control'],
  ];
}

/** Doubles commas, which separate options. */
export function optionValue(text: string): string {
  return text.replaceAll(',', ',,');
}

/** The name of the console's character device if the arguments do not name one. */
const terminal = 'terminal';

/**
 * Returns the arguments with the socket instead of the terminal. If no console uses the terminal, COM1 is
 * added.
 */
export function withoutTerminal(words: readonly string[], socket: string): readonly string[] {
  const device = `socket,path=${socket.replaceAll(',', ',,')}`;
  const changed: string[] = [];
  let isConnected = false;
  const connect = (id: string): void => {
    if (!isConnected) changed.push('-chardev', `${device},id=${id}`);
    isConnected = true;
  };
  const hasSerial = words.some((word) => optionOf(word) === 'serial');
  for (let index = 0; index < words.length; index++) {
    const [word = '', value = ''] = words.slice(index, index + 2);
    const option = optionOf(word);
    if (option === 'nographic') {
      // The word is a short form for these three. Its monitor shares the terminal with COM1.
      changed.push('-display', 'none', '-monitor', 'none');
      if (!hasSerial) {
        connect(terminal);
        changed.push('-serial', `chardev:${terminal}`);
      }
    } else if (option === 'chardev' && /^stdio(,|$)/.test(value)) {
      const rest = value
        .split(',')
        .slice(1)
        .filter((part) => !part.startsWith('signal='));
      changed.push('-chardev', [device, ...rest].join(','));
      isConnected = true;
      index++;
    } else if (option === 'serial' && /^(?:mon:)?stdio$/.test(value)) {
      connect(terminal);
      changed.push('-serial', `chardev:${terminal}`);
      index++;
    } else if (option === 'monitor' && /^(?:mon:)?stdio$/.test(value)) {
      changed.push('-monitor', 'none');
      index++;
    } else changed.push(word);
  }
  if (isConnected) return changed;
  connect(terminal);
  return [...changed, '-serial', `chardev:${terminal}`];
}

/** Returns the accelerator that the arguments name. QEMU's own default is TCG. */
export function writtenAccelerator(words: readonly string[]): Accelerator {
  const named = words.some((word, index) => {
    const option = optionOf(words[index - 1] ?? '');
    return (
      optionOf(word) === 'enable-kvm' ||
      (option === 'accel' && /^(?:accel=)?kvm\b/.test(word)) ||
      (option === 'machine' && /\baccel=kvm\b/.test(word))
    );
  });
  return named ? 'kvm' : 'tcg';
}

/** Returns the option that an argument names. QEMU accepts one dash or two. */
function optionOf(word: string): string | undefined {
  const [, option] = /^--?([a-z].*)$/i.exec(word) ?? [];
  return option === 'M' ? 'machine' : option;
}
