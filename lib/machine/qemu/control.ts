// Controls QEMU with QMP: one JSON object per line in each direction (QEMU's docs/interop/qmp-spec.rst).
// Implements the verbs of a running machine with its commands (QEMU's docs/interop/qemu-qmp-ref).
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import { cannot, present } from '../../core/errors.ts';
import type { MachineSize, QemuControl } from '../machine.ts';
import type { Json } from '../../core/digest.ts';

/** Names in a snapshot's folder. */
export const snapshotState = 'state';
export const snapshotDisk = (id: string): string => `${id}.qcow2`;

const lookAgainMs = 20;

/** `tempRoot`: the folder for a socket while a snapshot is written. */
export function qemuControl(qmp: Qmp, tempRoot: string): QemuControl {
  const status = async (): Promise<string> => (await answerOf(qmp, 'query-status')).text('status');
  const cpuCount = async (): Promise<number> => (await answersOf(qmp, 'query-cpus-fast')).length;
  const resizeCpus = async (cpus: number): Promise<void> => {
    const more = cpus - (await cpuCount());
    const slots = await answersOf(qmp, 'query-hotpluggable-cpus');
    const free = slots.filter((slot) => !slot.has('qom-path')).sort((a, b) => placeOf(a) - placeOf(b));
    const what = `have ${cpus} processors`;
    if (more < 0) throw cannot(what, 'QEMU can only add some');
    if (free.length < more) {
      const hint = 'start it with --max-cpus N';
      throw cannot(what, `the machine has room for ${cpus - more + free.length}`, { hint });
    }
    for (const slot of free.slice(0, more)) {
      const { fields } = slot.object('props');
      const id = `cpu-${Object.values(fields).join('-')}`;
      await qmp.execute('device_add', { driver: slot.text('type'), id, ...fields });
    }
  };
  return {
    async info() {
      const memory = await answerOf(qmp, 'query-memory-size-summary');
      const balloon = await answerOf(qmp, 'query-balloon').catch(() => undefined); // most machines have none
      return { state: await status(), cpus: await cpuCount(), memoryBytes: balloon?.number('actual') ?? memory.number('base-memory') };
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

/** Returns the sort key of a slot: sockets before cores before threads. */
function placeOf(slot: Answer): number {
  const props = slot.object('props');
  const [socket = 0, core = 0, thread = 0] = ['socket-id', 'core-id', 'thread-id'].map((name) =>
    props.has(name) ? props.number(name) : undefined,
  );
  return socket * 1e6 + core * 1e3 + thread;
}

interface ChangedDisk {
  /** The name of its drive. */
  readonly id: string;
  readonly sizeBytes: number;
  /** The image below the temporary overlay. */
  readonly image: string;
  readonly imageFormat: string;
}

/** Returns the disks whose writes go to a temporary overlay: all except firmware. */
async function changedDisks(qmp: Qmp): Promise<readonly ChangedDisk[]> {
  return (await answersOf(qmp, 'query-block')).flatMap((device) => {
    if (!device.has('inserted')) return [];
    const overlay = device.object('inserted').object('image');
    if (!overlay.has('backing-image')) return [];
    const below = overlay.object('backing-image');
    return [
      {
        id: device.text('device'),
        sizeBytes: overlay.number('virtual-size'),
        image: below.text('filename'),
        imageFormat: below.text('format'),
      },
    ];
  });
}

/**
 * Copies the overlay to a file that names the image below it. `drive-backup` would be a single command, but
 * QEMU 7.2 then opens the image with the flags of the temporary overlay, and so deletes it.
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
    // A block device that was not created cannot be removed.
    for (const node of [target, file]) await qmp.execute('blockdev-del', { 'node-name': node }).catch(() => undefined);
  }
}

/** Runs a command that continues after its response, and waits for its end. */
async function job(qmp: Qmp, command: string, given: QmpArguments): Promise<void> {
  const id = 'bloomery';
  await qmp.execute(command, { ...given, 'job-id': id });
  for (;;) {
    const own = (await answersOf(qmp, 'query-jobs')).find((one) => one.text('id') === id);
    if (own?.text('status') === 'concluded') {
      await qmp.execute('job-dismiss', { id });
      if (own.has('error')) throw cannot(`have QEMU do "${command}"`, own.text('error'));
      return;
    }
    await sleep(lookAgainMs);
  }
}

/** QEMU sends the state to a socket. The other ways to write a file need a shell or are newer than QEMU 7.2. */
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
      const migration = await answerOf(qmp, 'query-migrate');
      const status = migration.has('status') ? migration.text('status') : undefined; // it has not begun
      if (status === 'failed' || status === 'cancelled') {
        throw cannot('write a snapshot', migration.has('error-desc') ? migration.text('error-desc') : `QEMU reports "${status}"`);
      }
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
  /** Returns the result of the command. A refusal is a Failure with QEMU's own message. */
  execute(command: string, given?: QmpArguments): Promise<Json>;
  close(): void;
}

/** An object in QEMU's response to a command. A field that differs from QEMU's reference is a Failure. */
class Answer {
  readonly #command: string;
  readonly fields: { readonly [name: string]: Json };

  constructor(command: string, value: Json | undefined) {
    this.#command = command;
    if (typeof value !== 'object' || value === null || isList(value)) throw this.#unknown('it is not an object');
    this.fields = value;
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined && this.fields[name] !== null;
  }

  text(name: string): string {
    const value = this.fields[name];
    if (typeof value === 'string') return value;
    throw this.#unknown(`"${name}" is not a string`);
  }

  number(name: string): number {
    const value = this.fields[name];
    if (typeof value === 'number') return value;
    throw this.#unknown(`"${name}" is not a number`);
  }

  object(name: string): Answer {
    return new Answer(this.#command, this.fields[name]);
  }

  #unknown(why: string): Error {
    return cannot(`understand QEMU's answer to "${this.#command}"`, why);
  }
}

async function answerOf(qmp: Qmp, command: string): Promise<Answer> {
  return new Answer(command, await qmp.execute(command));
}

async function answersOf(qmp: Qmp, command: string): Promise<readonly Answer[]> {
  const value = await qmp.execute(command);
  if (isList(value)) return value.map((one) => new Answer(command, one));
  throw cannot(`understand QEMU's answer to "${command}"`, 'it is not a list');
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

interface Waiting {
  readonly command: string;
  readonly answer: (value: Json) => void;
  readonly refuse: (error: Error) => void;
}

/**
 * Connects to a QEMU that is about to send its greeting. Commands may be given at once. They wait until QEMU
 * is ready.
 */
export function openQmp(socket: Duplex): Qmp {
  const waiting = new Map<number, Waiting>();
  let serial = 0;
  let text = '';
  let gone = false;
  const hear = (line: string): void => {
    const message = new Answer('a command', JSON.parse(line) as Json);
    if (!message.has('id')) return; // the greeting, or an event
    const id = message.number('id');
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    if (message.has('error')) asked.refuse(cannot(`have QEMU do "${asked.command}"`, message.object('error').text('desc')));
    else asked.answer(message.fields['return'] ?? null);
  };
  const end = (): void => {
    gone = true;
    for (const { command, refuse } of waiting.values()) refuse(cannot(`have QEMU do "${command}"`, 'the machine has ended'));
    waiting.clear();
  };
  socket.on('data', (bytes: Buffer) => {
    const lines = (text + bytes.toString('utf8')).split('\n'); // QEMU escapes all that is not ASCII
    text = present(lines.pop(), 'the rest of a line');
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
  ready.catch(() => undefined); // the first command reports the error
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
