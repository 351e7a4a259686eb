// Starts machines in Cloud Hypervisor instead of QEMU. This is an optional part of tasks
// (lib/cli/optional-parts.ts), which is loaded by its path.
import { access, constants } from 'node:fs/promises';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { findProgram } from '../core/sh.ts';
import { searchPath } from '../core/tools.ts';
import { accelerator } from '../machine/accelerator.ts';
import { cloudHypervisorProgram, cloudHypervisorSettings, lackingDevice } from '../machine/cloud-hypervisor/command-line.ts';
import { launchCloudHypervisor } from '../machine/cloud-hypervisor/launch.ts';
import { cloudHypervisorFirmware } from '../machine/firmware.ts';
import type { RunningMachine } from '../machine/machine.ts';
import { qemuProgram } from '../machine/qemu/command-line.ts';
import { shareServer } from '../machine/shares.ts';
import type { MachineOrder } from './start-machine.ts';

/**
 * Starts the machine if `prefersCloudHypervisor` is true for the order and this host. Otherwise returns
 * undefined, and QEMU is used.
 */
export async function startIfPreferred(order: MachineOrder, context: Context): Promise<RunningMachine | undefined> {
  if (!(await prefersCloudHypervisor(order, context))) return undefined;
  context.report({ kind: 'note', text: 'Cloud Hypervisor runs the machine. --vmm qemu uses QEMU.' });
  return await startCloudHypervisor(order, context);
}

/**
 * Whether the page of the system prefers Cloud Hypervisor, the host has it with its firmware, KVM works, and
 * the machine needs no device that only QEMU has. `root` is the root folder of the host's paths ("/").
 */
export async function prefersCloudHypervisor(order: MachineOrder, context: Context, root = '/'): Promise<boolean> {
  if (!suitsCloudHypervisor(order)) return false;
  const path = searchPath(pathOf(order.env));
  if ((await findProgram(cloudHypervisorProgram, path)) === undefined) return false;
  if (!(await succeeds(cloudHypervisorFirmware(root)))) return false;
  return await kvmWorks(order, await findProgram(qemuProgram, path), context);
}

/** Whether Cloud Hypervisor can run the machine as it was ordered. */
export function suitsCloudHypervisor({ machine, image, restore, accelerator: choice }: MachineOrder): boolean {
  const { firmware, kernel, network, extraArguments } = machine;
  if (machine.prefersCloudHypervisor !== true || image === undefined || restore !== undefined || choice === 'tcg') return false;
  return firmware === 'uefi' && !kernel && network?.kind !== 'user' && !extraArguments && lackingDevice(machine) === undefined;
}

/** Whether KVM works. The probe runs in QEMU. Without QEMU, it is enough that the device can be opened. */
async function kvmWorks({ cacheDir, env }: MachineOrder, qemu: string | undefined, context: Context): Promise<boolean> {
  if (qemu === undefined) return await succeeds(access('/dev/kvm', constants.R_OK | constants.W_OK));
  return (await accelerator('auto', { qemu, cacheDir, tempRoot: env['TMPDIR'] || '/tmp' }, context)) === 'kvm';
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => true,
    () => false,
  );
}

/** Starts the machine. Cloud Hypervisor supports no accelerator except KVM. */
export async function startCloudHypervisor(order: MachineOrder, context: Context): Promise<RunningMachine> {
  const settings = cloudHypervisorSettings(order.env);
  const program = await findProgram(cloudHypervisorProgram, searchPath(pathOf(order.env)));
  if (!program) {
    const hint = 'its project has a static program for download; --vmm qemu works without';
    throw cannot(`find "${cloudHypervisorProgram}"`, 'it is not installed', { blame: 'host', hint });
  }
  const tempRoot = order.env['TMPDIR'] || '/tmp';
  await access('/dev/kvm', constants.R_OK | constants.W_OK).catch((error: unknown) => {
    throw cannotBecause('use Cloud Hypervisor', error, 'it needs KVM; --vmm qemu works without');
  });
  const firmware = order.machine.kernel ? undefined : await cloudHypervisorFirmware();
  const { machine, image } = order;
  const virtiofsd = await shareServer('cloud-hypervisor', machine, pathOf(order.env), context);
  const more = virtiofsd === undefined ? {} : { virtiofsd };
  return await launchCloudHypervisor({ program, machine, settings, firmware, image, tempRoot, ...more }, context);
}
