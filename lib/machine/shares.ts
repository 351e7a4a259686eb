// Serves the shared folders of a machine: one virtiofsd for each folder, or none if QEMU itself serves them
// over 9P.
import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannot, cannotBecause, errnoOf } from '../core/errors.ts';
import { findProgram, run, start } from '../core/sh.ts';
import type { Child } from '../core/sh.ts';
import { searchPath } from '../core/tools.ts';
import type { SharedFolder, MachineDescription, Monitor, ShareDriver } from './machine.ts';
import type { Context } from '../core/events.ts';

/** A folder and, for virtio-fs, the unix socket on which its daemon listens. */
export interface AttachedShare extends SharedFolder {
  readonly socket?: string;
}

export interface ServedShares {
  readonly shares: readonly AttachedShare[];
  /** Ends the daemons. A daemon whose machine has ended has ended too. */
  stop(): Promise<void>;
}

const lookAgainMs = 20;

/** Folders of distributions that are not in PATH: Debian and Fedora, then Arch. */
const places = ['usr/libexec/virtiofsd', 'usr/lib/virtiofsd'];

/**
 * Returns the absolute path of virtiofsd, or undefined. The program of that name that was a part of QEMU
 * before version 8 is ignored: it needs root and has other options. `root` is the folder that distributions'
 * paths are under ("/").
 */
export async function findVirtiofsd(path: string, signal: AbortSignal, root = '/'): Promise<string | undefined> {
  const inPath = await findProgram('virtiofsd', searchPath(path));
  for (const program of [...(inPath === undefined ? [] : [inPath]), ...places.map((place) => join(root, place))]) {
    if (!(await exists(program))) continue;
    const { stdout } = await run([program, '--version'], { cwd: '/', env: {}, signal, timeoutMs: 5000 });
    if (/^virtiofsd \d/.test(stdout)) return program;
  }
  return undefined;
}

/** Returns the command line of a daemon, the program first. Options as in virtiofsd's README, version 1.13. */
export function virtiofsdCommand(program: string, { path, readOnly }: SharedFolder, socket: string): readonly string[] {
  return [program, `--socket-path=${socket}`, `--shared-dir=${path}`, ...(readOnly ? ['--readonly'] : [])];
}

/** Starts a daemon for each folder, with its socket in `directory`. Without `virtiofsd` it starts none. */
export async function serveShares(
  folders: readonly SharedFolder[],
  virtiofsd: string | undefined,
  directory: string,
  signal: AbortSignal,
): Promise<ServedShares> {
  if (virtiofsd === undefined) return { shares: folders, stop: async () => undefined };
  const children: Child[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children) child.stop();
    await Promise.all(children.map((child) => child.ended));
  };
  try {
    const shares: AttachedShare[] = [];
    for (const [index, folder] of folders.entries()) {
      const socket = join(directory, `share${index}`);
      const child = start(virtiofsdCommand(virtiofsd, folder, socket), { cwd: directory, env: {}, signal });
      children.push(child);
      await listens(socket, child, folder, signal);
      shares.push({ ...folder, socket });
    }
    return { shares, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function listens(socket: string, child: Child, { path }: SharedFolder, signal: AbortSignal): Promise<void> {
  let ended = false;
  const end = child.ended.then((result) => {
    ended = true;
    return result;
  });
  while (!ended) {
    signal.throwIfAborted();
    if (await exists(socket)) return;
    await sleep(lookAgainMs);
  }
  const { exitCode, killedBy, stderr } = await end;
  const more = { blame: 'host', detail: stderr.trim(), hint: '--share-driver 9p works without virtiofsd' } as const;
  throw cannot(`share "${path}"`, `virtiofsd ended with ${killedBy ?? `status ${exitCode}`}`, more);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Returns the path of virtiofsd if it is to serve the shared folders of the machine, and undefined if QEMU
 * serves them over 9P or nothing is shared. By default QEMU serves read-only folders, because older versions of
 * virtiofsd cannot. Reports how a Linux guest mounts each.
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

/** Returns "The folder ... is shared with the tag ...". The command is for a guest that runs Linux. */
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
