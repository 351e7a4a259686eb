// Which program runs a machine, and what serves its shared folders, on this host. Starts no machine.
import { access, constants, stat } from 'node:fs/promises';
import { cannot, cannotBecause, errnoOf } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { findProgram } from '../core/sh.ts';
import { searchPath } from '../core/tools.ts';
import { accelerator } from '../machine/accelerator.ts';
import { cloudHypervisorProgram, lackingDevice } from '../machine/cloud-hypervisor/command-line.ts';
import { cloudHypervisorFirmware } from '../machine/firmware.ts';
import type { MachineDescription, Monitor, ShareDriver, SharedFolder } from '../machine/machine.ts';
import { qemuProgram } from '../machine/qemu/command-line.ts';
import { findVirtiofsd } from '../machine/shares.ts';
import type { MachineOrder } from './machine-order.ts';

/**
 * Returns Cloud Hypervisor where the page of the system prefers it, the host has it with its firmware, KVM
 * works, and the machine needs no device that only QEMU has. Else returns QEMU. `root` is the folder that
 * distributions' paths are under ("/").
 */
export async function chosenMonitor(order: MachineOrder, context: Context, root = '/'): Promise<Monitor> {
  if (!suitsCloudHypervisor(order)) return 'qemu';
  const path = searchPath(order.env['PATH'] ?? '');
  if ((await findProgram(cloudHypervisorProgram, path)) === undefined) return 'qemu';
  if (!(await succeeds(cloudHypervisorFirmware(root)))) return 'qemu';
  return (await kvmWorks(order, await findProgram(qemuProgram, path), context)) ? 'cloud-hypervisor' : 'qemu';
}

/** Whether Cloud Hypervisor can run the machine as it was ordered. */
export function suitsCloudHypervisor({ machine, image, restore, accelerator: choice }: MachineOrder): boolean {
  const { prefersCloudHypervisor, firmware, kernel, network, extraArguments } = machine;
  if (prefersCloudHypervisor !== true || image === undefined || restore !== undefined || choice === 'tcg') return false;
  return firmware === 'uefi' && !kernel && network?.kind !== 'user' && !extraArguments && lackingDevice(machine) === undefined;
}

/** The probe runs in QEMU. Without QEMU, a device that can be opened has to do. */
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

/**
 * Returns the path of virtiofsd if it is to serve the shared folders of the machine, and undefined if QEMU
 * serves them over 9P or there are none. Without a wish, QEMU serves folders that are read-only: older
 * versions of virtiofsd cannot. Reports how a Linux mounts each.
 */
export async function shareServer(
  monitor: Monitor,
  machine: MachineDescription,
  path: string,
  { signal, report }: Context,
): Promise<string | undefined> {
  const { shares = [], shareDriver } = machine;
  if (shares.length === 0) return undefined;
  for (const share of shares) await checkFolder(share);
  const needed = shareDriver === 'virtiofs' || monitor === 'cloud-hypervisor';
  const wanted = needed || (shareDriver === undefined && !shares.some(({ readOnly }) => readOnly));
  const program = wanted ? await findVirtiofsd(path, signal) : undefined;
  if (needed && program === undefined) {
    const hint = monitor === 'qemu' ? '--share-driver 9p works without it' : '--vmm qemu works without it';
    throw cannot('find "virtiofsd"', 'it is not installed', { blame: 'host', hint: `install the package virtiofsd; ${hint}` });
  }
  for (const share of shares) report({ kind: 'note', text: mountWords(share, program === undefined ? '9p' : 'virtiofs') });
  return program;
}

/** "The folder ... is shared with the tag ...": the command is that of a guest which runs Linux. */
export function mountWords({ path, tag, readOnly }: SharedFolder, driver: ShareDriver): string {
  const rights = readOnly ? 'ro' : 'rw';
  const options = driver === '9p' ? `9p -o trans=virtio,version=9p2000.L,${rights}` : `virtiofs -o ${rights}`;
  return `The folder "${path}" is shared with the tag "${tag}". Linux mounts it with: mount -t ${options} ${tag} /mnt`;
}

async function checkFolder({ path, readOnly }: SharedFolder): Promise<void> {
  const what = `share "${path}"`;
  try {
    if (!(await stat(path)).isDirectory()) throw cannot(what, 'it is not a folder', { blame: 'usage' });
    await access(path, readOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw cannot(what, 'it does not exist', { blame: 'usage' });
    throw cannotBecause(what, error, readOnly ? undefined : '--share-read-only needs no right to write');
  }
}
