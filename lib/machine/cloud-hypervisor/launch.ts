// Starts a machine in Cloud Hypervisor and ends it. Cloud Hypervisor listens on the socket of the serial
// line, and its first bytes wait until a client connects. It has no overlay for writes: the image is copied,
// as a sparse file and by reference if the file system supports that.
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { outputOf, start } from '../../core/sh.ts';
import type { Child } from '../../core/sh.ts';
import { cloudHypervisorArguments } from './command-line.ts';
import type { CloudHypervisorSettings } from './command-line.ts';
import { endOf } from '../qemu/launch.ts';
import type { MachineEnd, RunningMachine, MachineDescription } from '../machine.ts';
import { serveShares } from '../shares.ts';
import type { ServedShares } from '../shares.ts';
import { controlName, removeRunDirectory, runDirectory, writeRecord } from '../run-directory.ts';

export interface CloudHypervisorLaunch {
  /** The absolute path of the program. */
  readonly program: string;
  readonly machine: MachineDescription;
  readonly settings: CloudHypervisorSettings;
  readonly firmware: string | undefined;
  /** Absolute path. The file is not changed. Undefined: no disk. */
  readonly image: string | undefined;
  readonly tempRoot: string;
  /** Absolute path of virtiofsd, which serves the shared folders. Undefined without shared folders. */
  readonly virtiofsd?: string;
}

const lookAgainMs = 20;

/** Starts a machine. A monitor that does not start is a Failure (host) with its own message. */
export async function launchCloudHypervisor(plan: CloudHypervisorLaunch, { signal }: Pick<Context, 'signal'>): Promise<RunningMachine> {
  signal.throwIfAborted();
  const directory = await runDirectory(plan.tempRoot);
  const release = (): Promise<void> => removeRunDirectory(directory);
  let child: Child | undefined;
  let served: ServedShares | undefined;
  try {
    const [serialSocket, apiSocket] = [join(directory, 'serial'), join(directory, controlName)];
    const disks = plan.image === undefined ? [] : [await copied(plan.image, directory, signal)];
    served = await serveShares(plan.machine.shares ?? [], plan.virtiofsd, directory, signal);
    const { shares } = served;
    const argv = [plan.program, ...cloudHypervisorArguments({ ...plan, disks, shares, serialSocket, apiSocket })];
    child = start(argv, { cwd: directory, env: {}, signal });
    const serial = await connected(serialSocket, child, signal);
    const ended = endOf(child, serial);
    await writeRecord(directory, {
      monitor: 'cloud-hypervisor',
      pid: child.pid,
      image: plan.image ?? null,
      accelerator: 'kvm',
      machine: plan.machine,
    });
    const stop = async (): Promise<MachineEnd> => {
      child?.stop();
      serial.resume();
      const end = await ended;
      await served?.stop();
      await release();
      return end;
    };
    return { pid: child.pid, accelerator: 'kvm', serial, attachPath: serialSocket, control: undefined, ended, release, stop };
  } catch (error) {
    child?.stop();
    await child?.ended;
    await served?.stop();
    await release();
    throw signal.aborted ? signal.reason : cannotBecause('start the machine', error);
  }
}

async function copied(image: string, directory: string, signal: AbortSignal): Promise<string> {
  const disk = join(directory, basename(image));
  const argv = ['cp', '--reflink=auto', '--sparse=always', image, disk];
  await outputOf(`copy "${image}"`, argv, { cwd: directory, env: {}, signal });
  return disk;
}

async function connected(path: string, child: Child, signal: AbortSignal): Promise<Socket> {
  let ended = false;
  const end = child.ended.then((result) => {
    ended = true;
    return result;
  });
  while (!ended) {
    signal.throwIfAborted();
    const socket = await connection(path);
    if (socket) return socket;
    await sleep(lookAgainMs);
  }
  const { exitCode, killedBy, stderr } = await end;
  const how = killedBy ?? `status ${exitCode}`;
  throw cannot('start the machine', `Cloud Hypervisor ended with ${how}`, { blame: 'host', detail: stderr.trim() });
}

/** Returns undefined while the socket accepts no connection. */
async function connection(path: string): Promise<Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
