// A system's machine with an image in it, started on this host: finds QEMU, its firmware and the accelerator, then launches it.
import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { findProgram } from '../core/sh.ts';
import { searchPath, tool } from '../core/tools.ts';
import { accelerator } from '../machine/accelerator.ts';
import type { AcceleratorChoice } from '../machine/accelerator.ts';
import { cloudHypervisorFirmware, uefiFlash } from '../machine/firmware.ts';
import { cloudHypervisorProgram, cloudHypervisorSettings } from '../machine/cloud-hypervisor.ts';
import { launchCloudHypervisor } from '../machine/cloud-hypervisor-launch.ts';
import { launch } from '../machine/launch.ts';
import type { RunningMachine } from '../machine/launch.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { snapshotDisk } from '../machine/qemu-control.ts';
import { qemuProgram } from '../machine/qemu.ts';

/** The program that runs the machine. */
export type MonitorChoice = 'qemu' | 'cloud-hypervisor';

export interface MachineOrder {
  readonly machine: MachineDescription;
  /** Absolute. It is not changed. Undefined: a kernel is started directly, without a disk. */
  readonly image: string | undefined;
  /** A snapshot's folder: the machine goes on from its state, with its disks. */
  readonly restore?: string;
  readonly accelerator: AcceleratorChoice;
  readonly monitor: MonitorChoice;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the machine. A missing QEMU, firmware or accelerator is a Failure (host); a missing image one of the command line. */
export async function startMachine(order: MachineOrder, context: Context): Promise<RunningMachine> {
  if (order.image !== undefined) await checkImage(order.image);
  for (const path of kernelFiles(order.machine)) await checkFile(path);
  if (order.monitor === 'cloud-hypervisor') return await startCloudHypervisor(order, context);
  const qemu = await tool(qemuProgram, order.env['PATH'] ?? '');
  const tempRoot = order.env['TMPDIR'] || '/tmp';
  const flash = order.machine.firmware === 'uefi' ? await uefiFlash(qemu) : undefined;
  const chosen = await accelerator(order.accelerator, { qemu, cacheDir: order.cacheDir, tempRoot }, context);
  const { machine, restore } = order;
  const disk =
    restore === undefined ? { path: order.image } : { path: order.image && join(restore, snapshotDisk('disk0')), format: 'qcow2' as const };
  const disks = disk.path === undefined ? [] : [{ ...disk, path: disk.path, interface: machine.imageInterface }];
  const going = restore === undefined ? {} : { restore };
  return await launch({ qemu, machine, accelerator: chosen, disks, flash, tempRoot, ...going }, context);
}

/** Cloud Hypervisor knows no other accelerator than KVM. */
async function startCloudHypervisor(order: MachineOrder, context: Context): Promise<RunningMachine> {
  const settings = cloudHypervisorSettings(order.env);
  const program = await findProgram(cloudHypervisorProgram, searchPath(order.env['PATH'] ?? ''));
  if (!program) {
    const hint = 'its project has a static program for download; --vmm qemu works without';
    throw cannot(`find "${cloudHypervisorProgram}"`, 'it is not installed', { blame: 'host', hint });
  }
  const tempRoot = order.env['TMPDIR'] || '/tmp';
  await access('/dev/kvm', constants.R_OK | constants.W_OK).catch((error: unknown) => {
    throw cannotBecause('use Cloud Hypervisor', error, 'it needs KVM; --vmm qemu works without');
  });
  const firmware = order.machine.kernel ? undefined : await cloudHypervisorFirmware();
  return await launchCloudHypervisor({ program, machine: order.machine, settings, firmware, image: order.image, tempRoot }, context);
}

function kernelFiles({ kernel }: MachineDescription): readonly string[] {
  return kernel ? [kernel.image, ...(kernel.initrd === undefined ? [] : [kernel.initrd])] : [];
}

async function checkFile(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw cannotBecause(`boot "${path}"`, error);
  });
}

/** Blamed on the command line, not on the boot: a script must not take a wrong path for a failed boot. */
async function checkImage(path: string): Promise<void> {
  const what = `boot "${path}"`;
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw cannot(what, 'it is a folder', { blame: 'usage', hint: 'name the image file in it' });
    if (found.size === 0) throw cannot(what, 'the file is empty', { blame: 'usage', hint: 'build the image again' });
    await access(path, constants.R_OK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw cannot(what, 'there is no image at that path', {
        blame: 'usage',
        hint: 'npx zx tasks/build.ts <system> makes out/<system>-default.img; --image FILE names another, --kernel FILE needs none',
      });
    }
    throw cannotBecause(what, error);
  }
}
