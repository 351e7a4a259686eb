// QMP, by which QEMU is controlled: a JSON object a line, each way (QEMU's docs/interop/qmp-spec.rst), and the verbs of a running machine as its commands
// (QEMU's docs/interop/qemu-qmp-ref).
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cannot } from '../../core/errors.ts';
import type { MachineSize, QemuControl } from '../machine.ts';
import type { Duplex } from 'node:stream';
import type { Json } from '../../core/digest.ts';

/** Names in a snapshot's folder. */
export const snapshotState = 'state';
export const snapshotDisk = (id: string): string => `${id}.qcow2`;

const lookAgainMs = 20;

interface Pluggable {
  readonly 'qom-path'?: string;
  readonly type: string;
  readonly props: Readonly<Record<string, number>>;
}

/** `tempRoot`: for a socket while a snapshot is written. */
export function qemuControl(qmp: Qmp, tempRoot: string): QemuControl {
  const status = async (): Promise<string> => ((await qmp.execute('query-status')) as { readonly status: string }).status;
  const cpuCount = async (): Promise<number> => ((await qmp.execute('query-cpus-fast')) as readonly unknown[]).length;
  const resizeCpus = async (cpus: number): Promise<void> => {
    const more = cpus - (await cpuCount());
    const slots = (await qmp.execute('query-hotpluggable-cpus')) as unknown as readonly Pluggable[];
    const free = slots.filter((slot) => slot['qom-path'] === undefined).sort((a, b) => placeOf(a) - placeOf(b));
    const what = `have ${cpus} processors`;
    if (more < 0) throw cannot(what, 'QEMU can only add some');
    if (free.length < more) {
      const hint = 'start it with --max-cpus N';
      throw cannot(what, `the machine has room for ${cpus - more + free.length}`, { hint });
    }
    for (const { type, props } of free.slice(0, more)) {
      const id = `cpu-${Object.values(props).join('-')}`;
      await qmp.execute('device_add', { driver: type, id, ...props });
    }
  };
  return {
    async info() {
      const memory = (await qmp.execute('query-memory-size-summary')) as { readonly 'base-memory': number };
      const balloon = (await qmp.execute('query-balloon').catch(() => undefined)) as { readonly actual: number } | undefined;
      return { state: await status(), cpus: await cpuCount(), memoryBytes: balloon?.actual ?? memory['base-memory'] };
    },
    pause: async () => void (await qmp.execute('stop')),
    resume: async () => void (await qmp.execute('cont')),
    async resize({ cpus, memoryBytes }: MachineSize) {
      if (memoryBytes !== undefined) await qmp.execute('balloon', { value: memoryBytes });
      if (cpus !== undefined) await resizeCpus(cpus);
    },
    async snapshot(folder) {
      const ran = (await status()) === 'running';
      if (ran) await qmp.execute('stop');
      try {
        for (const disk of await changedDisks(qmp)) await copyChanges(qmp, disk, join(folder, snapshotDisk(disk.id)));
        await writeState(qmp, join(folder, snapshotState), tempRoot);
      } finally {
        if (ran) await qmp.execute('cont');
      }
    },
    shutdown: async () => void (await qmp.execute('system_powerdown')),
    async screenshot(filename, format) {
      // QEMU before 7.1 refuses the argument `format`, and PPM is its default.
      await qmp.execute('screendump', format === 'ppm' ? { filename } : { filename, format });
    },
    async registers() {
      return String(await qmp.execute('human-monitor-command', { 'command-line': 'info registers -a' }));
    },
    close: () => qmp.close(),
  };
}

/** Sockets before cores before threads. */
function placeOf({ props }: Pluggable): number {
  return (props['socket-id'] ?? 0) * 1e6 + (props['core-id'] ?? 0) * 1e3 + (props['thread-id'] ?? 0);
}

interface ChangedDisk {
  /** The name of its drive. */
  readonly id: string;
  readonly sizeBytes: number;
  /** The image below the temporary overlay. */
  readonly image: string;
  readonly imageFormat: string;
}

/** Disks whose writes go to a temporary overlay: all but firmware. */
async function changedDisks(qmp: Qmp): Promise<readonly ChangedDisk[]> {
  const devices = (await qmp.execute('query-block')) as unknown as readonly {
    readonly device: string;
    readonly inserted?: {
      readonly drv: string;
      readonly image: {
        readonly 'virtual-size': number;
        readonly 'backing-image'?: { readonly filename: string; readonly format: string };
      };
    };
  }[];
  return devices.flatMap(({ device, inserted }) => {
    const below = inserted?.image['backing-image'];
    if (!inserted || !below) return [];
    return [{ id: device, sizeBytes: inserted.image['virtual-size'], image: below.filename, imageFormat: below.format }];
  });
}

/**
 * The overlay as a file of its own, which names the image below it. Not by `drive-backup`, which would be one command: QEMU 7.2 opens the image
 * with the flags of the temporary overlay, and so deletes it.
 */
async function copyChanges(qmp: Qmp, { id, sizeBytes, image, imageFormat }: ChangedDisk, filename: string): Promise<void> {
  const [file, target] = [`file-of-${id}`, `copy-of-${id}`];
  await job(qmp, 'blockdev-create', { options: { driver: 'file', filename, size: 0 } });
  await qmp.execute('blockdev-add', { driver: 'file', 'node-name': file, filename });
  const overlay = { driver: 'qcow2', file, size: sizeBytes, 'backing-file': image, 'backing-fmt': imageFormat };
  try {
    await job(qmp, 'blockdev-create', { options: overlay });
    await qmp.execute('blockdev-add', { driver: 'qcow2', 'node-name': target, file, backing: null });
    await job(qmp, 'blockdev-backup', { device: id, target, sync: 'top', 'auto-dismiss': false });
  } finally {
    // One that was not made cannot be removed, and need not be.
    for (const node of [target, file]) await qmp.execute('blockdev-del', { 'node-name': node }).catch(() => undefined);
  }
}

/** A command whose work goes on after its answer; this waits for its end. */
async function job(qmp: Qmp, command: string, given: QmpArguments): Promise<void> {
  const id = 'bloomery';
  await qmp.execute(command, { ...given, 'job-id': id });
  for (;;) {
    const jobs = (await qmp.execute('query-jobs')) as unknown as readonly {
      readonly id: string;
      readonly status: string;
      readonly error?: string;
    }[];
    const own = jobs.find((one) => one.id === id);
    if (own?.status === 'concluded') {
      await qmp.execute('job-dismiss', { id });
      if (own.error !== undefined) throw cannot(`have QEMU do "${command}"`, own.error);
      return;
    }
    await sleep(lookAgainMs);
  }
}

/** QEMU sends the state to a socket; the other ways to write a file are a shell's, or newer than QEMU 7.2. */
async function writeState(qmp: Qmp, file: string, tempRoot: string): Promise<void> {
  const folder = await mkdtemp(join(tempRoot, 'bloomery-snapshot-'));
  const server = createServer();
  try {
    server.listen(join(folder, 'state'));
    await once(server, 'listening');
    const written = once(server, 'connection').then(([socket]) => pipeline(socket as Socket, createWriteStream(file)));
    written.catch(() => undefined);
    await qmp.execute('migrate', { uri: `unix:${join(folder, 'state')}` });
    for (;;) {
      const { status, 'error-desc': why } = (await qmp.execute('query-migrate')) as {
        readonly status: string;
        readonly 'error-desc'?: string;
      };
      if (status === 'failed' || status === 'cancelled') throw cannot('write a snapshot', why ?? `QEMU says "${status}"`);
      if (status === 'completed') break;
      await sleep(lookAgainMs);
    }
    await written;
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export type QmpArguments = Readonly<Record<string, Json>>;

export interface Qmp {
  /** Gives what the command returns. A refusal is a Failure in QEMU's own words. */
  execute(command: string, given?: QmpArguments): Promise<Json>;
  close(): void;
}

interface Waiting {
  readonly command: string;
  readonly answer: (value: Json) => void;
  readonly refuse: (error: Error) => void;
}

/** Speaks first to a QEMU whose greeting is about to come. Commands may be given at once; they wait until it is ready. */
export function openQmp(socket: Duplex): Qmp {
  const waiting = new Map<number, Waiting>();
  let serial = 0;
  let text = '';
  let gone = false;
  const hear = (line: string): void => {
    const message = JSON.parse(line) as { readonly id?: number; readonly return?: Json; readonly error?: { readonly desc?: string } };
    const asked = message.id === undefined ? undefined : waiting.get(message.id); // else the greeting, or an event
    if (!asked || message.id === undefined) return;
    waiting.delete(message.id);
    if (message.error) asked.refuse(cannot(`have QEMU do "${asked.command}"`, message.error.desc ?? 'it refuses'));
    else asked.answer(message.return ?? null);
  };
  const end = (): void => {
    gone = true;
    for (const { command, refuse } of waiting.values()) refuse(cannot(`have QEMU do "${command}"`, 'the machine has ended'));
    waiting.clear();
  };
  socket.on('data', (bytes: Buffer) => {
    const lines = (text + bytes.toString('utf8')).split('\n'); // QEMU escapes all that is not ASCII
    text = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') hear(line);
  });
  socket.on('error', () => undefined); // `close` follows
  socket.once('close', end);
  const execute = (command: string, given: QmpArguments = {}): Promise<Json> => {
    return new Promise((answer, refuse) => {
      const id = serial++;
      waiting.set(id, { command, answer, refuse });
      if (gone) end();
      else socket.write(`${JSON.stringify({ execute: command, arguments: given, id })}\r\n`);
    });
  };
  const ready = execute('qmp_capabilities');
  ready.catch(() => undefined); // told to whoever gives the first command
  return {
    execute: async (command, given) => {
      await ready;
      return await execute(command, given);
    },
    close: () => {
      socket.destroy();
    },
  };
}
