// Converts a machine description to Cloud Hypervisor's command line, and reads the user's settings for it.
// Starts nothing and reads no file. Options as in its documentation (docs/disk_sharing, docs/fs.md,
// docs/memory.md, docs/device_model.md), version 50.
import { cannot } from '../../core/errors.ts';
import { GiB, MiB } from '../../core/sizes.ts';
import type { MachineDescription, Network } from '../machine.ts';
import type { AttachedShare } from '../shares.ts';

export const cloudHypervisorProgram = 'cloud-hypervisor';

/** CH_CPUS, CH_MEMORY, CH_HUGEPAGES, CH_DIRECT_IO: the user's settings, which override those of the system. */
export interface CloudHypervisorSettings {
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly hugePages: boolean;
  readonly directIo: boolean;
}

export interface CloudHypervisorPlan {
  readonly machine: MachineDescription;
  readonly settings: CloudHypervisorSettings;
  /** Absolute path of EDK II's CLOUDHV.fd. Undefined if a kernel is started directly. */
  readonly firmware: string | undefined;
  /** Raw images. Each is a private copy of this run. */
  readonly disks: readonly string[];
  /** The shared folders of the machine, each with the socket of a daemon. */
  readonly shares: readonly AttachedShare[];
  /** Unix sockets on which it listens: COM1, and its HTTP interface. */
  readonly serialSocket: string;
  readonly apiSocket: string;
}

/** Returns all arguments. */
export function cloudHypervisorArguments(plan: CloudHypervisorPlan): string[] {
  const { machine, settings, firmware, disks, shares, serialSocket, apiSocket } = plan;
  const lacking = lackingDevice(machine);
  if (lacking !== undefined) {
    const hint = '--vmm qemu has it';
    throw cannot('describe the machine to Cloud Hypervisor', `it does not have ${lacking}`, { blame: 'usage', hint });
  }
  const memoryMiB = Math.ceil((settings.memoryBytes ?? machine.memoryBytes) / MiB);
  return [
    '--api-socket',
    `path=${apiSocket}`,
    ...startArguments(machine, firmware),
    '--cpus',
    `boot=${settings.cpus ?? machine.cpus}${machine.maxCpus === undefined ? '' : `,max=${machine.maxCpus}`}`,
    '--memory',
    `size=${memoryMiB}M${settings.hugePages ? ',hugepages=on' : ''}${shares.length > 0 ? ',shared=on' : ''}`,
    ...(disks.length > 0 ? ['--disk', ...disks.map((path) => `path=${path}${settings.directIo ? ',direct=on' : ''}`)] : []),
    ...(shares.length > 0 ? ['--fs', ...shares.map(shareWords)] : []),
    ...(machine.network ? ['--net', networkWords(machine.network)] : []),
    '--serial',
    `socket=${serialSocket}`,
    '--console',
    'off',
    ...(machine.extraArguments ?? []),
  ];
}

/** Returns the name of a device of the machine that Cloud Hypervisor does not support, or undefined. */
export function lackingDevice({
  debugExit,
  console,
  targetDisk,
  display,
  gdb,
  shares,
  shareDriver,
}: MachineDescription): string | undefined {
  if (debugExit) return 'isa-debug-exit';
  if (console === 'virtio') return 'a virtio console'; // it has such a console, but it is not connected here
  if (targetDisk) return 'a second disk';
  if (display) return 'a screen';
  if (gdb) return 'a server for gdb'; // only builds with its feature "guest_debug" have one
  return shares && shareDriver === '9p' ? 'shared folders over 9P' : undefined;
}

/** Queue sizes are those of its documentation (docs/fs.md). */
function shareWords({ tag, socket }: AttachedShare): string {
  if (socket === undefined) throw new Error(`no daemon serves the folder with the tag "${tag}"`);
  return `tag=${tag},socket=${socket},num_queues=1,queue_size=512`;
}

function startArguments({ kernel }: MachineDescription, firmware: string | undefined): string[] {
  if (!kernel) return firmware === undefined ? [] : ['--firmware', firmware];
  const { image, initrd, commandLine } = kernel;
  return ['--kernel', image, ...(initrd === undefined ? [] : ['--initramfs', initrd]), '--cmdline', commandLine];
}

function networkWords(network: Network): string {
  if (network.kind === 'tap') return `tap=${network.device}`;
  const hint = 'npx zx tasks/net.ts up creates a TAP device; then --tap NAME';
  throw cannot('give the machine a network', 'Cloud Hypervisor needs a TAP device for it', { blame: 'usage', hint });
}

/**
 * Reads the settings from the user's variables. A value that is neither a number nor a switch is a Failure
 * (usage).
 */
export function cloudHypervisorSettings(env: Readonly<Record<string, string>>): CloudHypervisorSettings {
  const given = (name: string): string | undefined => env[name] || undefined;
  const cpus = given('CH_CPUS');
  const memory = given('CH_MEMORY');
  if (cpus !== undefined && !/^[1-9]\d*$/.test(cpus)) throw wrong('CH_CPUS', cpus, 'it must be a whole number of at least 1');
  const size = memory === undefined ? undefined : /^([1-9]\d*)([MG])?$/.exec(memory);
  if (memory !== undefined && !size) throw wrong('CH_MEMORY', memory, 'it must be a size like 2048M or 2G');
  return {
    ...(cpus === undefined ? {} : { cpus: Number(cpus) }),
    ...(size ? { memoryBytes: Number(size[1]) * (size[2] === 'G' ? GiB : MiB) } : {}),
    hugePages: isOn('CH_HUGEPAGES', given('CH_HUGEPAGES')),
    directIo: isOn('CH_DIRECT_IO', given('CH_DIRECT_IO')),
  };
}

function isOn(name: string, value: string | undefined): boolean {
  if (value === undefined || ['0', 'off', 'no', 'false'].includes(value)) return false;
  if (['1', 'on', 'yes', 'true'].includes(value)) return true;
  throw wrong(name, value, 'it must be on or off');
}

function wrong(name: string, value: string, why: string): Error {
  return cannot(`use ${name}="${value}"`, why, { blame: 'usage' });
}
