// Starts a system's machine with an image on this host: finds QEMU, its firmware and the accelerator, then
// launches it.
import type { Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { accelerator } from '../machine/accelerator.ts';
import { uefiFlash } from '../machine/firmware.ts';
import { launch } from '../machine/qemu/launch.ts';
import type { AcceleratorChoice, Display, MachineDescription, RunningMachine, WrittenArguments } from '../machine/machine.ts';
import { checkPorts } from '../machine/ports.ts';
import { snapshotDisk } from '../machine/qemu/control.ts';
import { qemuProgram, writtenAccelerator } from '../machine/qemu/command-line.ts';
import { shareServer } from '../machine/shares.ts';

/** The input for starting a machine: its description, its image, and its emulator. */
export interface MachineOrder {
  readonly machine: MachineDescription;
  /** Absolute path. The file is not changed. Undefined: a kernel is started directly, without a disk. */
  readonly image: string | undefined;
  /** The folder of a snapshot. The machine continues from its state, with its disks. */
  readonly restore?: string;
  readonly accelerator: AcceleratorChoice;
  /** Starts the machine instead of QEMU. */
  readonly otherMonitor?: OtherMonitor | undefined;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a machine in another program than QEMU. Returns undefined if QEMU should be used. */
export type OtherMonitor = (order: MachineOrder, context: Context) => Promise<RunningMachine | undefined>;

/**
 * Starts the machine. A missing QEMU, firmware or accelerator is a Failure (host). A missing image is a
 * Failure (usage).
 */
export async function startMachine(order: MachineOrder, context: Context): Promise<RunningMachine> {
  if (order.image !== undefined) await checkImage(order.image);
  await checkTarget(order);
  for (const path of kernelFiles(order.machine)) await checkFile(path);
  await checkInitrd(order);
  return (await order.otherMonitor?.(order, context)) ?? (await startQemu(order, context));
}

async function startQemu(order: MachineOrder, context: Context): Promise<RunningMachine> {
  const { written } = order.machine;
  const qemu = await tool(programOf(written), pathOf(order.env));
  const tempRoot = order.env['TMPDIR'] || '/tmp';
  const flash = order.machine.firmware === 'uefi' && !written ? await uefiFlash(qemu) : undefined;
  const chosen = written
    ? writtenAccelerator(written.words)
    : await accelerator(order.accelerator, { qemu, cacheDir: order.cacheDir, tempRoot }, context);
  const { restore } = order;
  const machine = withInitrd(order);
  if (machine.display?.kind === 'window') await checkToolkit(qemu, machine.display, context);
  await checkPorts(machine);
  const virtiofsd = await shareServer('qemu', machine, pathOf(order.env), context);
  const disk =
    restore === undefined ? { path: order.image } : { path: order.image && join(restore, snapshotDisk('disk0')), format: 'qcow2' as const };
  const { imageInterface } = machine;
  const attached = imageInterface === 'initrd' ? undefined : imageInterface;
  const disks = disk.path === undefined || !attached ? [] : [{ ...disk, path: disk.path, interface: attached }];
  const more = { ...(restore === undefined ? {} : { restore }), ...(virtiofsd === undefined ? {} : { virtiofsd }) };
  return await launch({ qemu, machine, accelerator: chosen, disks, flash, tempRoot, ...more, ...desktopOf(order) }, context);
}

/** Returns the program of given arguments. A relative path is relative to their folder. */
function programOf(written: WrittenArguments | undefined): string {
  const { program = qemuProgram, folder = '/' } = written ?? {};
  return program.includes('/') ? resolve(folder, program) : program;
}

/** Returns the machine with its image as the initramfs, if the machine is configured for that. */
function withInitrd({ machine, image }: MachineOrder): MachineDescription {
  if (machine.imageInterface !== 'initrd' || !machine.kernel || image === undefined) return machine;
  return { ...machine, kernel: { ...machine.kernel, initrd: image } };
}

/** Checks for QEMU's window toolkit, which distributions put into a separate package. */
async function checkToolkit(qemu: string, display: Extract<Display, { kind: 'window' }>, { signal }: Context): Promise<void> {
  const { stdout } = await run([qemu, '-display', 'help'], { cwd: '/', env: {}, signal });
  const known = stdout
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');
  if (known.includes(display.toolkit)) return;
  const hint = 'install the package qemu-system-gui, or use --vnc 0';
  throw cannot('open a window', `this QEMU does not have "${display.toolkit}", it has ${known.join(', ')}`, { blame: 'host', hint });
}

/** Variables that a program needs to reach the user's desktop. */
const desktopVariables = ['DISPLAY', 'WAYLAND_DISPLAY', 'XAUTHORITY', 'XDG_RUNTIME_DIR', 'HOME'];

function desktopOf({ machine, env }: MachineOrder): { readonly desktop?: Readonly<Record<string, string>> } {
  if (machine.display?.kind !== 'window') return {};
  const entries = desktopVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { desktop: Object.fromEntries(entries) };
}

function kernelFiles({ kernel }: MachineDescription): readonly string[] {
  return kernel ? [kernel.image, ...(kernel.initrd === undefined ? [] : [kernel.initrd])] : [];
}

async function checkFile(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw cannotBecause(`boot "${path}"`, error);
  });
}

/** Boot protocols load it below 2 GiB. */
const largestInitrd = 2 ** 31 - 1;

async function checkInitrd({ machine, image }: MachineOrder): Promise<void> {
  const path = machine.imageInterface === 'initrd' ? image : machine.kernel?.initrd;
  if (path === undefined) return;
  const { size } = await stat(path);
  if (size > largestInitrd) throw cannot(`boot "${path}"`, `an initramfs of ${size} bytes is larger than the limit of kernels, 2 GiB`);
}

/** Checks that the file of the second disk exists or can be created, and is not another disk of the machine. */
async function checkTarget({ machine: { targetDisk, kernel }, image }: MachineOrder): Promise<void> {
  const path = targetDisk?.path;
  if (path === undefined) return;
  const refused = (why: string): Error =>
    cannot(`use the second disk "${path}"`, why, { blame: 'usage', hint: '--disk FILE names a file' });
  const about = async (file: string | undefined): Promise<Stats | undefined> =>
    file === undefined ? undefined : await absentAsUndefined(stat(file));
  const own = await about(path);
  if (!own) {
    if ((await about(dirname(path)))?.isDirectory() !== true) throw refused('its folder does not exist');
    return;
  }
  if (!own.isFile() && !own.isBlockDevice()) throw refused(own.isDirectory() ? 'it is a folder' : 'it is neither a file nor a disk');
  for (const other of [image, kernel?.image, kernel?.initrd]) {
    const stats = await about(other);
    if (stats && stats.dev === own.dev && stats.ino === own.ino) throw refused('the machine has it already');
  }
  await access(path, constants.R_OK | constants.W_OK).catch((error: unknown) => {
    throw cannotBecause(`use the second disk "${path}"`, error);
  });
}

/** Checks the image. A wrong path is a usage error, so that scripts do not mistake it for a failed boot. */
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
        hint: 'npx zx tasks/build.ts <system> builds out/<system>-default.img; --image FILE names another image; --kernel FILE needs no image',
      });
    }
    throw cannotBecause(what, error);
  }
}
