// The flags that change a system's machine for one run, and their meaning: its size, its kernel, its network,
// its screen, shared folders, and the gdb server. Starts nothing.
import { basename } from 'node:path';
import { cannot, nearest } from '../../core/errors.ts';
import { GiB } from '../../core/sizes.ts';
import type {
  DirectKernel,
  Display,
  Forward,
  MachineDescription,
  Network,
  SharedFolder,
  ShareDriver,
  WindowToolkit,
} from '../../machine/machine.ts';
import { memoryOf } from '../command-line.ts';
import type { CommandLine, Flag } from '../command-line.ts';

const toolkits: readonly WindowToolkit[] = ['gtk', 'sdl'];
const displays: readonly string[] = ['none', ...toolkits];
const drivers: readonly ShareDriver[] = ['virtiofs', '9p'];
const defaultGdbPort = '1234';
const defaultTag = 'share';

const deviceFlags = {
  display: {
    type: 'string',
    value: 'none|gtk|sdl',
    implied: { value: 'none', follows: (word) => displays.includes(word) || nearest(word, displays) !== undefined },
    help: 'a screen: not shown (none, for pictures of it), or in a window. A failed boot test leaves a picture of it',
  },
  vnc: { type: 'string', value: '[HOST:]N', help: 'a screen, shown by a VNC server at port 5900 + N of HOST (default 127.0.0.1)' },
  console: { type: 'string', value: 'ttyS0|hvc0', help: 'the device that is the console: the UART, or a virtio console' },
  disk: {
    type: 'string',
    value: 'FILE',
    help: "a second disk, which the guest may write: an installer's target. An empty one of 2 GiB is created if the file does not exist",
  },
  share: {
    type: 'string',
    multiple: true,
    value: 'DIR[=TAG]',
    help: 'share a folder with the guest, which mounts it by TAG (default share)',
  },
  'share-read-only': { type: 'string', multiple: true, value: 'DIR[=TAG]', help: 'the same, but the guest cannot write to it' },
  'share-driver': {
    type: 'string',
    value: 'virtiofs|9p',
    help: 'how folders are shared (default: virtiofs where virtiofsd is installed and the guest may write, else 9p)',
  },
} as const satisfies Record<string, Flag>;

/** Flags for debugging a machine. */
export const gdbFlags = {
  gdb: {
    type: 'string',
    value: 'PORT',
    implied: { value: defaultGdbPort, follows: (word) => /^\d+$/.test(word) },
    help: `a server for gdb on this host's loopback (default port ${defaultGdbPort})`,
  },
  'gdb-wait': { type: 'boolean', help: 'with --gdb: the machine starts when gdb starts it' },
} as const satisfies Record<string, Flag>;

export const machineChanges = {
  cpus: { type: 'string', value: 'N', help: "number of processors, instead of the system's" },
  memory: { type: 'string', value: 'SIZE', help: "size of the memory (512M, 2G), instead of the system's" },
  'max-cpus': {
    type: 'string',
    value: 'N',
    help: 'the greatest number of processors; tasks/vm.ts can then add some and change the memory',
  },
  kernel: {
    type: 'string',
    value: 'FILE|NAME',
    help: 'start this kernel directly, without firmware; or another kernel of the page (linux)',
  },
  initrd: { type: 'string', value: 'FILE', help: 'with --kernel' },
  append: { type: 'string', value: 'TEXT', help: "the kernel's command line, with --kernel" },
  net: { type: 'boolean', help: "a network with the monitor's NAT" },
  forward: { type: 'string', multiple: true, value: 'HOST:GUEST', help: 'the same, and a TCP port of this host that leads into the guest' },
  tap: { type: 'string', value: 'NAME', help: 'a network through this TAP device (tasks/net.ts up creates one)' },
  ...deviceFlags,
  'debug-exit': { type: 'string', value: 'N', help: 'isa-debug-exit at port 0xf4: a guest that writes N there has booted' },
} as const satisfies Record<string, Flag>;

/**
 * Returns the machine of a system with the changes of the command line. `path` makes a user's path absolute.
 * `named`: --kernel names a kernel of the page, which `base` already contains.
 */
export function changedMachine(
  base: MachineDescription,
  args: CommandLine,
  path: (text: string) => string,
  named = false,
): MachineDescription {
  const [cpus, maxCpus, memory] = [args.count('cpus', 1), args.count('max-cpus', 1), args.text('memory')];
  const [kernel, network, success] = [named ? undefined : kernelOf(args, path), networkOf(args), args.count('debug-exit', 0)];
  const most = cpus ?? base.cpus;
  if (maxCpus !== undefined && maxCpus < most) {
    throw cannot(`use --max-cpus "${maxCpus}"`, `the machine begins with ${most}`, { blame: 'usage', hint: 'say --cpus N too' });
  }
  const devices = devicesOf(args, path, base.targetDisk);
  return {
    ...base,
    ...(cpus === undefined ? {} : { cpus }),
    ...(maxCpus === undefined ? {} : { maxCpus }),
    ...(memory === undefined ? {} : { memoryBytes: memoryOf(memory) }),
    ...(kernel ? { firmware: 'bios' as const } : {}),
    ...withConsole(kernel ?? base.kernel, devices.console),
    ...(network ? { network } : {}),
    ...devices,
    ...(success === undefined ? {} : { debugExit: { success } }),
  };
}

/** Adds the console to the command line of a kernel that is started directly. */
function withConsole(kernel: DirectKernel | undefined, console: MachineDescription['console']): Pick<MachineDescription, 'kernel'> {
  if (!kernel) return {};
  const words = kernel.commandLine.split(' ');
  if (console !== 'virtio') return { kernel };
  return { kernel: { ...kernel, commandLine: words.map((word) => (word === 'console=ttyS0' ? 'console=hvc0' : word)).join(' ') } };
}

/** Limit of Linux on x86, and of Asterinas. */
const longestCommandLine = 4095;

function kernelOf(args: CommandLine, path: (text: string) => string): DirectKernel | undefined {
  const [image, initrd, commandLine] = ['kernel', 'initrd', 'append'].map((flag) => args.text(flag));
  if (commandLine !== undefined && Buffer.byteLength(commandLine) > longestCommandLine) {
    const why = `it has ${Buffer.byteLength(commandLine)} bytes, and the limit of kernels is ${longestCommandLine}`;
    throw cannot('use --append', why, { blame: 'usage' });
  }
  if (image !== undefined)
    return { image: path(image), ...(initrd === undefined ? {} : { initrd: path(initrd) }), commandLine: commandLine ?? '' };
  const alone = initrd === undefined ? (commandLine === undefined ? undefined : 'append') : 'initrd';
  if (alone) throw cannot('read the command line', `--${alone} is for --kernel FILE`, { blame: 'usage' });
  return undefined;
}

function networkOf(args: CommandLine): Network | undefined {
  const [device, forwards] = [args.text('tap'), args.list('forward')];
  if (device !== undefined && (forwards.length > 0 || args.has('net'))) {
    const hint = 'a guest with a TAP device has its own address';
    throw cannot('read the command line', '--tap is another network than --net and --forward', { blame: 'usage', hint });
  }
  if (device !== undefined) return { kind: 'tap', device };
  return forwards.length > 0 || args.has('net') ? { kind: 'user', forwards: forwards.map(forwardOf) } : undefined;
}

function forwardOf(text: string): Forward {
  const [hostPort = 0, guestPort = 0] = (/^(\d+):(\d+)$/.exec(text)?.slice(1) ?? []).map(Number);
  const good = (port: number): boolean => port >= 1 && port <= 65_535;
  if (good(hostPort) && good(guestPort)) return { hostPort, guestPort };
  throw cannot(`use --forward "${text}"`, 'it must be two ports, like 2222:22', { blame: 'usage' });
}

/** Returns the devices that the command line requests. `path` makes a user's path absolute. */
export function devicesOf(
  args: CommandLine,
  path: (text: string) => string,
  own?: MachineDescription['targetDisk'],
): Pick<MachineDescription, 'console' | 'targetDisk' | 'display' | 'shares' | 'shareDriver' | 'gdb'> {
  const [disk, console] = [args.text('disk'), consoleOf(args)];
  if (disk === '') throw cannot('use --disk ""', 'it must be a file', { blame: 'usage' });
  const [display, shares, driver, gdb] = [displayOf(args), sharesOf(args, path), driverOf(args), gdbOf(args)];
  if (driver !== undefined && shares.length === 0) throw unusable('--share-driver is for --share DIR');
  return {
    ...(console ? { console } : {}),
    ...(disk === undefined ? {} : { targetDisk: { sizeBytes: 2 * GiB, ...own, path: path(disk) } }),
    ...(display ? { display } : {}),
    ...(shares.length > 0 ? { shares } : {}),
    ...(driver ? { shareDriver: driver } : {}),
    ...(gdb ? { gdb } : {}),
  };
}

function consoleOf(args: CommandLine): MachineDescription['console'] {
  const text = args.text('console');
  if (text === undefined || text === 'ttyS0') return text && 'uart';
  if (text === 'hvc0') return 'virtio';
  throw cannot(`use --console "${text}"`, 'it must be ttyS0 or hvc0', { blame: 'usage' });
}

function displayOf(args: CommandLine): Display | undefined {
  const [word, vnc] = [args.text('display'), args.text('vnc')];
  if (word !== undefined && vnc !== undefined) throw unusable('--display and --vnc show the same screen', 'give one of them');
  if (vnc !== undefined) return vncOf(vnc);
  if (word === undefined) return undefined;
  const toolkit = toolkits.find((name) => name === word);
  if (toolkit) return { kind: 'window', toolkit };
  if (word === 'none') return { kind: 'hidden' };
  const near = nearest(word, displays);
  throw cannot(`use --display "${word}"`, `it must be ${displays.join(', ')}`, {
    blame: 'usage',
    hint: near === undefined ? '--vnc N shows the screen to a VNC viewer' : `did you mean ${near}?`,
  });
}

function vncOf(text: string): Display {
  const found = /^(?:([^,]+):)?(\d{1,4})$/.exec(text);
  const [host = '127.0.0.1', number] = [found?.[1]?.replace(/^\[(.*)\]$/, '$1'), Number(found?.[2])];
  if (found && number <= 999) return { kind: 'vnc', host, number };
  throw cannot(`use --vnc "${text}"`, 'it must be a display number below 1000, with or without a host', {
    blame: 'usage',
    hint: 'say 0, or 192.0.2.1:0',
  });
}

function sharesOf(args: CommandLine, path: (text: string) => string): readonly SharedFolder[] {
  const shares = args.sequence(['share', 'share-read-only']).map(({ flag, value }) => shareOf(flag, value, path));
  for (const [index, { tag, path: folder }] of shares.entries()) {
    if (shares.findIndex((other) => other.tag === tag) === index) continue;
    const hint = `say --share ${basename(folder)}=TAG`;
    throw cannot(`share "${folder}"`, `the tag "${tag}" is used by another folder`, { blame: 'usage', hint });
  }
  return shares;
}

/** The tag follows the last "=". QEMU accepts tags of at most 31 bytes for 9P, and of 35 for virtio-fs. */
function shareOf(flag: string, text: string, path: (text: string) => string): SharedFolder {
  const at = text.lastIndexOf('=');
  const [folder, tag] = at === -1 ? [text, defaultTag] : [text.slice(0, at), text.slice(at + 1)];
  if (folder !== '' && /^[\w.-]{1,31}$/.test(tag)) return { path: path(folder), tag, readOnly: flag === 'share-read-only' };
  const why = folder === '' ? 'it must be DIR or DIR=TAG' : 'the tag must be 1 to 31 letters, digits, ".", "-" or "_"';
  throw cannot(`use --${flag} "${text}"`, why, { blame: 'usage' });
}

function driverOf(args: CommandLine): ShareDriver | undefined {
  const text = args.text('share-driver');
  const driver = drivers.find((name) => name === text);
  if (driver !== undefined || text === undefined) return driver;
  const near = nearest(text, drivers);
  const hint = near && `did you mean ${near}?`;
  throw cannot(`use --share-driver "${text}"`, `it must be ${drivers.join(' or ')}`, { blame: 'usage', hint });
}

export function gdbOf(args: CommandLine): MachineDescription['gdb'] {
  const [text, wait] = [args.text('gdb'), args.has('gdb-wait')];
  if (text === undefined && wait) throw unusable('--gdb-wait is for --gdb');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return { port, wait };
  throw cannot(`use --gdb "${text}"`, 'it must be a port from 1 to 65535', { blame: 'usage' });
}

function unusable(why: string, hint?: string): Error {
  return cannot('read the command line', why, { blame: 'usage', hint });
}
