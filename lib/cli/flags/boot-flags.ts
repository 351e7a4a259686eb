// The flags that boot tests and interactive runs share, and their meaning. Starts nothing.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Step } from '../../console/dialogue.ts';
import type { Limits } from '../../console/rules.ts';
import { cannot, cannotBecause, nearest } from '../../core/errors.ts';
import type { AcceleratorChoice, MachineDescription, Monitor } from '../../machine/machine.ts';
import { parseRecord } from '../../machine/run-directory.ts';
import type { MachineRecord } from '../../machine/run-directory.ts';
import { bootTarget, namedSystem } from '../../boot/boot-target.ts';
import type { BootTarget } from '../../boot/boot-target.ts';
import type { MachineOrder, OtherMonitor } from '../../boot/start-machine.ts';
import type { CommandLine, Flag } from '../command-line.ts';
import { gdbOf, changedMachine, machineChanges } from './machine-flags.ts';
import { hasOptionalPart, optionalPart } from '../optional-parts.ts';
import { cacheDirOf, repository } from '../task.ts';
import type { Task } from '../task.ts';
import { systemWord } from '../../system/find-page.ts';

/** Flags that select the machine, for all tasks that start one. */
export const machineFlags = {
  image: { type: 'string', value: 'FILE', help: 'boot this image (with --system S) instead of out/<system>-<profile>.img' },
  system: { type: 'string', value: 'S', help: 'the system that --image or --replay is of' },
  profile: { type: 'string', value: 'P', help: "which image of the system (default: the system's own)" },
  scheme: {
    type: 'string',
    value: 'NAME',
    help: 'a way to run the machine that the page has (asterinas: normal, iommu, microvm); with --ktest a scheme of the OSDK.toml',
  },
  'osdk-machine': {
    type: 'boolean',
    help: "the machine of the checkout's OSDK.toml: QEMU with the words of [qemu], which a shell expands. --scheme is then one of that file",
  },
  vmm: {
    type: 'string',
    value: 'auto|qemu|cloud-hypervisor',
    help: 'the program that runs the machine (default: auto in run.ts, which prefers Cloud Hypervisor if it is suitable; otherwise qemu)',
  },
  accel: { type: 'string', value: 'auto|kvm|tcg', help: 'auto uses KVM if a probe shows that it works' },
  ...machineChanges,
  cache: { type: 'string', value: 'DIR', help: 'the cache directory; it remembers whether KVM works' },
} as const satisfies Record<string, Flag>;

/** Flags for the verdict and for the messages before it. */
export const verdictFlags = {
  timeout: { type: 'string', value: 'S', help: 'give up after S seconds' },
  silence: { type: 'string', value: 'S', help: 'give up when the console is silent for S seconds' },
  reboots: {
    type: 'string',
    value: 'N',
    help: 'the machine may announce N restarts (default 1); further ones are a boot loop',
  },
  grace: { type: 'string', value: 'S', help: 'read on for S seconds after the prompt (default 2)' },
  'no-ask': {
    type: 'boolean',
    help: 'type nothing at a prompt that is only a sign ("# "). It then counts when nothing follows it for the time of --grace',
  },
  expect: { type: 'string', multiple: true, value: 'TEXT', help: 'wait for TEXT on the console; with --send, in the order given' },
  send: { type: 'string', multiple: true, value: 'TEXT', help: 'type TEXT and Enter; before any --expect it waits for the prompt' },
} as const satisfies Record<string, Flag>;

/** The flag for commands in the guest. */
export const loginFlag = {
  type: 'string',
  value: 'USER[:PASSWORD]',
  help: 'with a command in the guest: the user who logs in (default: that of the page); an empty text if the console has a shell without a login',
} as const satisfies Flag;

/** The part of a system that is booted. */
export interface BootChoice {
  /** Undefined: the system's default profile. */
  readonly profile: string | undefined;
  /** A kernel of the page, or a file. Undefined: the system's own kernel. */
  readonly kernel: string | undefined;
}

/** Returns the machine that the command line selects, and its system. `root` is the project's folder. */
export async function orderedMachine(
  { args, host, path, report, signal }: Task,
  root: string,
  word = args.words[0],
  monitor: MonitorChoice = 'qemu',
  choice: BootChoice = { profile: args.text('profile'), kernel: args.text('kernel') },
): Promise<{ target: BootTarget; order: MachineOrder }> {
  const image = args.text('image');
  const cacheDir = cacheDirOf({ args, host, path });
  const target = await bootTarget({
    root,
    system: systemWord(namedSystem(word, args.text('system')), { path }),
    profile: choice.profile,
    image: image === undefined ? undefined : path(image),
    cacheDir,
  });
  const { kernel } = choice;
  const named = kernel !== undefined && Object.hasOwn(target.system.reference?.kernels ?? {}, kernel) ? kernel : undefined;
  const at = { root: target.folder, cacheDir, env: host.env };
  const own = args.has('osdk-machine')
    ? await machineOfCheckout({ args, host, signal, report }, target.system.machine, target.checkout, 'run')
    : schemed(target.system, args.text('scheme'));
  const machine = named === undefined ? own : await withOtherKernel({ target, own, named, at }, { report, signal });
  const order = {
    machine: changedMachine(machine, args, path, named !== undefined),
    // A kernel that is started directly needs no disk.
    image: kernel !== undefined && !named && image === undefined ? undefined : target.image,
    accelerator: acceleratorChoice(args),
    otherMonitor: await otherMonitor(oneOf(args, 'vmm', monitors) ?? monitor, own),
    cacheDir,
    env: host.env,
  };
  return { target: named ? withKernel(target, named) : target, order };
}

/** The interface of lib/rootfs/reference-kernel.ts. */
interface OtherKernels {
  withReferenceKernel(
    system: BootTarget['system'],
    machine: MachineDescription,
    wanted: string,
    host: { readonly root: string; readonly cacheDir: string; readonly env: Readonly<Record<string, string>> },
    context: Pick<Task, 'report' | 'signal'>,
  ): Promise<MachineDescription>;
}

interface OtherKernelRequest {
  readonly target: BootTarget;
  readonly own: MachineDescription;
  readonly named: string;
  readonly at: Parameters<OtherKernels['withReferenceKernel']>[3];
}

async function withOtherKernel(
  { target, own, named, at }: OtherKernelRequest,
  context: Pick<Task, 'report' | 'signal'>,
): Promise<MachineDescription> {
  const what = `start ${target.system.name} with the kernel ${named}`;
  const { withReferenceKernel } = await optionalPart<OtherKernels>(repository, 'other-kernels', what, ['withReferenceKernel']);
  return await withReferenceKernel(target.system, own, named, at, context);
}

/** The interface of lib/boot/cloud-hypervisor.ts. */
interface CloudHypervisor {
  readonly startCloudHypervisor: OtherMonitor;
  readonly startIfPreferred: OtherMonitor;
}

/** Undefined: QEMU. A copy without the part supports only QEMU. */
async function otherMonitor(choice: MonitorChoice, machine: MachineDescription): Promise<OtherMonitor | undefined> {
  const part = 'cloud-hypervisor';
  if (choice === 'qemu') return undefined;
  if (choice === 'auto' && (machine.prefersCloudHypervisor !== true || !hasOptionalPart(repository, part))) return undefined;
  const { startCloudHypervisor, startIfPreferred } = await optionalPart<CloudHypervisor>(
    repository,
    part,
    'run the machine in Cloud Hypervisor',
    ['startCloudHypervisor', 'startIfPreferred'],
  );
  return choice === 'auto' ? startIfPreferred : startCloudHypervisor;
}

/** The interface of lib/boot/osdk-machine.ts. */
interface OsdkMachine {
  osdkMachine(
    request: {
      readonly machine: MachineDescription;
      readonly checkout: string | undefined;
      readonly action: 'run' | 'test';
      readonly scheme: string | undefined;
      readonly env: Readonly<Record<string, string>>;
    },
    context: Pick<Task, 'report' | 'signal'>,
  ): Promise<MachineDescription>;
}

/** Returns the machine of --osdk-machine. Flags that change what its arguments define are a Failure. */
export async function machineOfCheckout(
  { args, host, signal, report }: Pick<Task, 'args' | 'host' | 'signal' | 'report'>,
  machine: MachineDescription,
  checkout: string | undefined,
  action: 'run' | 'test',
): Promise<MachineDescription> {
  const { kernel: _kernel, initrd: _initrd, append: _append, 'debug-exit': _exit, ...changes } = machineChanges;
  const other = ['accel', 'vmm', ...Object.keys(changes)].find(
    (flag) => args.has(flag) || args.text(flag) !== undefined || args.list(flag).length > 0,
  );
  if (other !== undefined) {
    const why = `--osdk-machine uses the machine of OSDK.toml unchanged, and --${other} changes that of the page`;
    throw cannot('read the command line', why, { blame: 'usage', hint: 'give one of them' });
  }
  const { osdkMachine } = await optionalPart<OsdkMachine>(repository, 'osdk-machine', 'run the machine of an OSDK.toml', ['osdkMachine']);
  return await osdkMachine({ machine, checkout, action, scheme: args.text('scheme'), env: host.env }, { signal, report });
}

/** Returns the machine with the changes of a scheme of the page. */
function schemed({ name, machine, schemes = {} }: BootTarget['system'], wanted: string | undefined): MachineDescription {
  if (wanted === undefined) return machine;
  const scheme = Object.hasOwn(schemes, wanted) ? schemes[wanted] : undefined;
  if (scheme) return { ...machine, ...scheme.machine };
  const names = Object.keys(schemes);
  const near = nearest(wanted, names);
  throw cannot(
    `run ${name} by the scheme "${wanted}"`,
    names.length === 0 ? 'its page has no schemes' : `its schemes are ${names.join(', ')}`,
    {
      blame: 'usage',
      hint: near && `did you mean ${near}?`,
    },
  );
}

/** The console of a reference kernel is judged by its own rules, and written to a separate file. */
function withKernel(target: BootTarget, name: string): BootTarget {
  const { system, log } = target;
  const { session: _, referenceSession, ...rest } = system;
  const rules = system.reference?.kernels[name]?.console ?? system.console;
  return {
    ...target,
    system: { ...rest, console: rules, ...(referenceSession && { session: referenceSession }) },
    log: log.replace(/\.log$/, `-${name}.log`),
  };
}

export interface InteractiveOrder {
  readonly title: string;
  readonly order: MachineOrder;
  /** Undefined for a snapshot, which does not record its system. */
  readonly target: BootTarget | undefined;
}

/**
 * Returns the machine of a run on a terminal: like `orderedMachine`, or the machine of a snapshot with
 * --restore.
 */
export async function orderedOrRestored(task: Task, root: string): Promise<InteractiveOrder> {
  const { args, host, path } = task;
  const given = args.text('restore');
  if (given === undefined) {
    const { target, order } = await orderedMachine(task, root, args.words[0], 'auto');
    return { title: target.system.title, order, target };
  }
  const { cache: _, ...changes } = machineFlags;
  const more = Object.keys(changes).find((flag) => args.has(flag) || args.text(flag) !== undefined || args.list(flag).length > 0);
  if (more !== undefined || args.words.length > 0) {
    const why = `a snapshot determines its machine: ${more === undefined ? `"${args.words[0]}"` : `--${more}`} cannot change it`;
    throw cannot('read the command line', why, { blame: 'usage' });
  }
  const folder = path(given);
  const what = `continue from "${given}"`;
  const text = await readFile(join(folder, 'machine.json'), 'utf8').catch((error: unknown) => {
    throw cannotBecause(what, error, 'npx zx tasks/vm.ts snapshot FOLDER creates one');
  });
  const { machine: recorded, image, accelerator, monitor } = await snapshotRecord(what, text);
  if (monitor !== 'qemu') throw cannot(what, `it is one of ${monitor}`, { hint: 'cloud-hypervisor --restore can use it' });
  const cacheDir = cacheDirOf({ args, host, path });
  const { gdb: _gdb, ...machine } = recorded;
  const gdb = gdbOf(args);
  const order = { accelerator, cacheDir, env: host.env, image: image ?? undefined, restore: folder };
  return { title: `the machine of ${given}`, order: { ...order, machine: { ...machine, ...(gdb ? { gdb } : {}) } }, target: undefined };
}

/**
 * Returns the record of a snapshot. Its description of a machine is checked like that of a page, because the
 * snapshot may be changed or of another version.
 */
async function snapshotRecord(what: string, text: string): Promise<MachineRecord> {
  const record = parseRecord(text);
  if (!record)
    throw cannot(what, 'its machine.json is not the record of a machine', { hint: 'npx zx tasks/vm.ts snapshot FOLDER creates one' });
  const { complaintAbout } = await import('../../core/schema.ts'); // most runs restore nothing
  const { machine } = await import('../../system/check/machine-schema.ts');
  const complaint = complaintAbout(machine, record.machine);
  if (complaint) throw cannot(what, `its machine.json has a wrong machine: ${complaint.path}: ${complaint.why}`, { hint: complaint.hint });
  return record;
}

/** `auto`: Cloud Hypervisor if the page prefers it and the host has it, otherwise QEMU. */
type MonitorChoice = Monitor | 'auto';

const accelerators: readonly AcceleratorChoice[] = ['auto', 'kvm', 'tcg'];
const monitors: readonly MonitorChoice[] = ['auto', 'qemu', 'cloud-hypervisor'];

export function acceleratorChoice(args: CommandLine): AcceleratorChoice {
  return oneOf(args, 'accel', accelerators) ?? 'auto';
}

function oneOf<T extends string>(args: CommandLine, flag: string, words: readonly T[]): T | undefined {
  const given = args.text(flag);
  const choice = words.find((word) => word === given);
  if (choice !== undefined || given === undefined) return choice;
  const near = nearest(given, words);
  throw cannot(`use --${flag} "${given}"`, `it must be ${words.join(', ')}`, { blame: 'usage', hint: near && `did you mean ${near}?` });
}

/** Returns the system's own limits with those that the command line overrides. */
export function bootLimits(args: CommandLine, own: Limits): Limits {
  const reboots = args.count('reboots', 0);
  return {
    timeoutMs: args.seconds('timeout') ?? own.timeoutMs,
    silenceMs: args.seconds('silence') ?? own.silenceMs,
    graceMs: args.seconds('grace') ?? own.graceMs,
    ...(reboots === undefined ? {} : { reboots }),
  };
}

export function dialogueSteps(args: CommandLine): readonly Step[] {
  return args.sequence(['expect', 'send']).map(({ flag, value }) => ({ kind: flag === 'send' ? 'send' : 'expect', text: value }));
}
