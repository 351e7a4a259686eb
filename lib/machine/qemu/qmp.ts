// QMP, by which QEMU is controlled: a JSON object a line, each way (QEMU's docs/interop/qmp-spec.rst). Knows the protocol, and no machine.
import type { Duplex } from 'node:stream';
import type { Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';

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
