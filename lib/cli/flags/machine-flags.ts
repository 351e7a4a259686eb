// The flags that change a system's machine for one run, and what they mean. Starts nothing.
import { cannot } from '../../core/errors.ts';
import type { DirectKernel, Forward, MachineDescription, Network } from '../../machine/machine.ts';
import { memoryOf } from './cache-amounts.ts';
import type { CommandLine, Flag } from '../command-line.ts';
import { deviceFlags, devicesOf } from './device-flags.ts';

export const machineChanges = {
  cpus: { type: 'string', value: 'N', help: "how many processors, in place of the system's wish" },
  memory: { type: 'string', value: 'SIZE', help: "how much memory (512M, 2G), in place of the system's wish" },
  'max-cpus': { type: 'string', value: 'N', help: 'room for N processors, so that tasks/vm.ts can add some and take memory' },
  kernel: {
    type: 'string',
    value: 'FILE|NAME',
    help: 'start this kernel directly, without firmware; or another kernel of the page (linux)',
  },
  initrd: { type: 'string', value: 'FILE', help: 'with --kernel' },
  append: { type: 'string', value: 'TEXT', help: "the kernel's command line, with --kernel" },
  net: { type: 'boolean', help: "a network behind the monitor's NAT" },
  forward: { type: 'string', multiple: true, value: 'HOST:GUEST', help: 'the same, and a TCP port of this host that leads into the guest' },
  tap: { type: 'string', value: 'NAME', help: 'a network through this TAP device (tasks/net.ts up makes one)' },
  ...deviceFlags,
  'debug-exit': { type: 'string', value: 'N', help: 'isa-debug-exit at port 0xf4: a guest that writes N there has booted' },
} as const satisfies Record<string, Flag>;

/**
 * The machine of a system with what the command line changes. `path` makes a user's path absolute. `named`: --kernel names a kernel of the page, which
 * `base` has already.
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

/** Names the console on the command line of a kernel that is started directly. */
function withConsole(kernel: DirectKernel | undefined, console: MachineDescription['console']): Pick<MachineDescription, 'kernel'> {
  if (!kernel) return {};
  const words = kernel.commandLine.split(' ');
  if (console !== 'virtio') return { kernel };
  return { kernel: { ...kernel, commandLine: words.map((word) => (word === 'console=ttyS0' ? 'console=hvc0' : word)).join(' ') } };
}

/** Of Linux on x86, and of Asterinas. */
const longestCommandLine = 4095;

function kernelOf(args: CommandLine, path: (text: string) => string): DirectKernel | undefined {
  const [image, initrd, commandLine] = ['kernel', 'initrd', 'append'].map((flag) => args.text(flag));
  if (commandLine !== undefined && Buffer.byteLength(commandLine) > longestCommandLine) {
    const why = `it has ${Buffer.byteLength(commandLine)} bytes, and kernels take ${longestCommandLine}`;
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
    const hint = 'a guest behind a TAP device has an address of its own';
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
