// Starts a machine, either new or from a snapshot, and ends it. QEMU connects to a unix socket on which this
// program listens, so no byte of the console is lost. If this program dies before that, QEMU cannot connect
// and ends. The process, the socket and the files are always removed.
import { chmod, copyFile, open, access, symlink } from 'node:fs/promises';
import { createServer, createConnection } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannot, cannotBecause, Failure, hasErrno } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { start } from '../../core/sh.ts';
import type { Child } from '../../core/sh.ts';
import type { Accelerator, Disk, MachineDescription, MachineEnd, RunningMachine, QemuControl } from '../machine.ts';
import { qemuArguments } from './command-line.ts';
import type { Flash } from './command-line.ts';
import { openQmp, qemuControl, snapshotState } from './control.ts';
import { serveShares } from '../shares.ts';
import type { ServedShares } from '../shares.ts';
import { controlName, removeRunDirectory, runDirectory, writeRecord } from '../run-directory.ts';

export interface Launch {
  /** The absolute path of QEMU. */
  readonly qemu: string;
  readonly machine: MachineDescription;
  readonly accelerator: Accelerator;
  readonly disks: readonly Disk[];
  /** The original firmware. The variables are copied. Undefined for BIOS. */
  readonly flash: Flash | undefined;
  readonly tempRoot: string;
  /** Absolute path of virtiofsd, which then serves the shared folders. Absent: QEMU serves them over 9P. */
  readonly virtiofsd?: string;
  /** Variables that a window needs to reach the user's desktop. QEMU gets no others. */
  readonly desktop?: Readonly<Record<string, string>>;
  /** The folder of a snapshot from whose state the machine continues. The disks are those of the snapshot. */
  readonly restore?: string;
}

/** Starts a machine. If QEMU does not start, that is a Failure (host) with QEMU's message. */
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
    const machine = await withPlainInitrd(plan.machine, directory);
    const argv = [
      plan.qemu,
      ...qemuArguments({ ...plan, machine, disks, flash, shares, serialSocket, monitorSocket, controlSocket }),
      ...incoming,
    ];
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

/** Copies the variables, which the guest may write. Those of the distribution are read-only. */
async function privateFlash(flash: Flash, directory: string): Promise<Flash> {
  const variables = join(directory, 'variables');
  await copyFile(flash.variables, variables);
  await chmod(variables, 0o600);
  return { ...flash, variables };
}

/** For Multiboot, -initrd is a list with commas, and each item has words after a space. Such a path is linked in the directory under a plain name. */
async function withPlainInitrd(machine: MachineDescription, directory: string): Promise<MachineDescription> {
  const { kernel } = machine;
  if (kernel?.initrd === undefined || !/[ ,]/.test(kernel.initrd)) return machine;
  const initrd = join(directory, 'initrd');
  await symlink(resolve(kernel.initrd), initrd);
  return { ...machine, kernel: { ...kernel, initrd } };
}

/** Returns the disk that the guest may write. Creates its file if that does not exist. */
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

/** Returns the end of a machine when every byte of its console has been read. */
export async function endOf(child: Child, serial: Socket): Promise<MachineEnd> {
  serial.on('error', () => undefined); // a reset when QEMU is killed: `close` follows
  const closed = new Promise<void>((resolve) => {
    serial.once('close', () => resolve());
  });
  const { exitCode, killedBy, stderr } = await child.ended;
  await closed;
  return { exitCode, killedBy, hostLines: stderr.split('\n').filter((line) => line.trim() !== '') };
}

/** Connects each further client to the console. */
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

const lookAgainMs = 20;

/** A snapshot contains a paused machine. This resumes it. */
export async function goOn(folder: string, socketPath: string, child: Child, control: QemuControl): Promise<void> {
  const what = 'continue from the snapshot';
  await access(join(folder, snapshotState)).catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  try {
    await sendState(join(folder, snapshotState), socketPath, child);
    while ((await control.info()).state === 'inmigrate') await sleep(lookAgainMs);
    await control.resume();
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    child.stop();
    const detail = (await child.ended).stderr.trim();
    throw cannot(what, 'QEMU does not accept its state', { detail, hint: 'only the same version of QEMU can', cause });
  }
}

/**
 * Sends the state of a snapshot. QEMU listens for it when its devices exist, and closes the connection when
 * it needs no more of it, or ends.
 */
async function sendState(file: string, socketPath: string, child: Child): Promise<void> {
  let ended = false;
  void child.ended.then(() => (ended = true));
  // otherwise the end that QEMU sends would close this side too
  const socket = createConnection({ path: socketPath, allowHalfOpen: true });
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  if (open) {
    socket.on('error', () => undefined);
    await pipeline(createReadStream(file), socket).catch((error: unknown) => {
      if (!hasErrno(error, ['ECONNRESET', 'EPIPE'])) throw error; // QEMU's status shows whether it read the state
    });
    socket.destroy();
    return;
  }
  await sleep(lookAgainMs);
  if (ended) throw cannot('continue from the snapshot', 'QEMU ended');
  await sendState(file, socketPath, child);
}
