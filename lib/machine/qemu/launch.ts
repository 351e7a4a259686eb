// Starts a machine and ends it. We listen on a unix socket and QEMU connects to it, so no byte of the console is lost, and a QEMU
// whose parent has just died finds nobody and ends. On every way out the process, the socket and the files are gone.
import { chmod, copyFile, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { start } from '../../core/sh.ts';
import type { Child } from '../../core/sh.ts';
import type { Accelerator, Disk, MachineDescription } from '../machine.ts';
import { qemuArguments } from './command-line.ts';
import type { Flash } from './command-line.ts';
import { openQmp } from './qmp.ts';
import { goOn } from './incoming-state.ts';
import { qemuControl } from './control.ts';
import type { QemuControl } from './control.ts';
import { serveShares } from '../shares.ts';
import type { ServedShares } from '../shares.ts';
import { controlName, removeRunDirectory, runDirectory, writeRecord } from '../run-directory.ts';

export interface Launch {
  /** The absolute path of QEMU. */
  readonly qemu: string;
  readonly machine: MachineDescription;
  readonly accelerator: Accelerator;
  readonly disks: readonly Disk[];
  /** Pristine firmware; the variables are copied. Undefined for BIOS. */
  readonly flash: Flash | undefined;
  readonly tempRoot: string;
  /** The absolute path of virtiofsd, which then serves the shared folders. Without it QEMU does, over 9P. */
  readonly virtiofsd?: string;
  /** Variables by which a window finds the desktop of its user. QEMU has no others. */
  readonly desktop?: Readonly<Record<string, string>>;
  /** A snapshot's folder, whose state it goes on from; the disks are those of the snapshot. */
  readonly restore?: string;
}

export interface MachineEnd {
  /** null when a signal ended QEMU. */
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
  /** What QEMU itself said; never a part of the console. */
  readonly hostLines: readonly string[];
}

export interface RunningMachine {
  readonly pid: number;
  readonly accelerator: Accelerator;
  /** COM1, both directions, bytes as they are. */
  readonly serial: Socket;
  /** A unix socket at which others may talk to COM1 as well. It lasts until `release()`. */
  readonly attachPath: string;
  /** Only QEMU tells of a failed machine. */
  readonly control: QemuControl | undefined;
  /** Resolves when QEMU has ended and every byte of the console has been read. Never rejects. */
  readonly ended: Promise<MachineEnd>;
  /** Nobody will attach any more: the files of the run are removed while it goes on, so that not even SIGKILL leaves any. */
  release(): Promise<void>;
  /** Ends QEMU if it runs, waits for its end and removes all files. */
  stop(): Promise<MachineEnd>;
}

/** Starts a machine. A QEMU that does not come up is a Failure (host) with its own words. */
export async function launch(plan: Launch, { signal }: Pick<Context, 'signal'>): Promise<RunningMachine> {
  signal.throwIfAborted();
  const directory = await runDirectory(plan.tempRoot);
  const [server, monitor] = [createServer(), createServer()];
  let child: Child | undefined;
  let served: ServedShares | undefined;
  const release = async (): Promise<void> => {
    server.close();
    monitor.close();
    await removeRunDirectory(directory);
  };
  try {
    const inside = (name: string): string => join(directory, name);
    const [serialSocket, monitorSocket, controlSocket] = [inside('serial'), inside('monitor'), inside(controlName)];
    const flash = plan.flash && (await privateFlash(plan.flash, directory));
    served = await serveShares(plan.machine.shares ?? [], plan.virtiofsd, directory, signal);
    const { shares } = served;
    await Promise.all([listening(server, serialSocket), listening(monitor, monitorSocket)]);
    const incoming = plan.restore === undefined ? [] : ['-incoming', `unix:${inside('incoming')}`];
    const disks = [...plan.disks, ...(await targetDisks(plan.machine, directory))];
    const argv = [plan.qemu, ...qemuArguments({ ...plan, disks, flash, shares, serialSocket, monitorSocket, controlSocket }), ...incoming];
    child = start(argv, { cwd: plan.machine.written?.folder ?? directory, env: { ...plan.desktop, TMPDIR: directory }, signal });
    const [serial, orders] = await Promise.all([connected(server, child, signal), connected(monitor, child, signal)]);
    const control = qemuControl(openQmp(orders), plan.tempRoot);
    const ended = endOf(child, serial);
    attachOthers(server, serial);
    if (plan.restore !== undefined) await goOn(plan.restore, inside('incoming'), child, control);
    const image = plan.disks[0]?.path ?? null;
    await writeRecord(directory, { monitor: 'qemu', pid: child.pid, image, accelerator: plan.accelerator, machine: plan.machine });
    const stop = async (): Promise<MachineEnd> => {
      child?.stop();
      serial.resume(); // unread bytes would keep the socket open
      const end = await ended;
      await served?.stop();
      control.close();
      await release();
      return end;
    };
    return { pid: child.pid, accelerator: plan.accelerator, serial, attachPath: serialSocket, control, ended, release, stop };
  } catch (error) {
    child?.stop();
    await child?.ended;
    await served?.stop();
    await release();
    throw signal.aborted ? signal.reason : cannotBecause('start the machine', error);
  }
}

/** A copy of the variables that the guest may write; those of the distribution are read-only. */
async function privateFlash(flash: Flash, directory: string): Promise<Flash> {
  const variables = join(directory, 'variables');
  await copyFile(flash.variables, variables);
  await chmod(variables, 0o600);
  return { ...flash, variables };
}

/** Returns the disk that the guest may write. Makes its file if that does not exist. */
async function targetDisks({ targetDisk }: MachineDescription, directory: string): Promise<readonly Disk[]> {
  if (!targetDisk) return [];
  const path = targetDisk.path ?? join(directory, 'target-disk');
  const file = await open(path, 'a', 0o644);
  try {
    if ((await file.stat()).size === 0) await file.truncate(targetDisk.sizeBytes);
  } finally {
    await file.close();
  }
  return [{ path, interface: 'virtio', keepsWrites: true }];
}

async function listening(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

async function connected(server: Server, child: Child, signal: AbortSignal): Promise<Socket> {
  const connection = once(server, 'connection', { signal }).then(([socket]) => socket as Socket);
  connection.catch(() => undefined);
  const first = await Promise.race([connection, child.ended]);
  if (!('exitCode' in first)) return first;
  const how = first.killedBy ?? `status ${first.exitCode}`;
  throw cannot('start the machine', `QEMU ended with ${how}`, { blame: 'host', detail: first.stderr.trim() });
}

/** How a machine ended, when every byte of its console has been read. */
export async function endOf(child: Child, serial: Socket): Promise<MachineEnd> {
  serial.on('error', () => undefined); // a reset when QEMU is killed: `close` follows
  const closed = new Promise<void>((resolve) => {
    serial.once('close', () => resolve());
  });
  const { exitCode, killedBy, stderr } = await child.ended;
  await closed;
  return { exitCode, killedBy, hostLines: stderr.split('\n').filter((line) => line.trim() !== '') };
}

/** Whoever connects after QEMU talks to the console beside us. */
function attachOthers(server: Server, serial: Socket): void {
  server.on('connection', (visitor: Socket) => {
    const hear = (bytes: Uint8Array): void => {
      visitor.write(bytes);
    };
    serial.on('data', hear);
    serial.once('close', () => visitor.destroy());
    visitor.on('data', (bytes) => {
      serial.write(bytes);
    });
    visitor.on('error', () => undefined);
    visitor.once('close', () => serial.off('data', hear));
  });
}
