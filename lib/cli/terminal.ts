// A person's terminal joined to a serial console: keys go to the machine as they are typed, bytes come back as they are. The one
// place that reads standard input.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Failure } from '../core/errors.ts';

/** A terminal, or a file or pipe in its place (`isTTY` is not true then). */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
}

/** Shows a question and returns the line that is typed after it, which is not shown. ^C is a Failure, as it is when the terminal handles it. */
export async function hiddenLine(question: string, { stdin, stdout }: Terminal, signal: AbortSignal): Promise<string> {
  stdout.write(question);
  stdin.setRawMode?.(true);
  let line = '';
  try {
    for (;;) {
      const key = await nextKey(stdin, signal);
      if (key === undefined || key === '\r' || key === '\n') return line;
      if (key === '\x03') throw new Failure('interrupted', 'Cannot finish: interrupted');
      if (key === '\x7f' || key === '\b') line = [...line].slice(0, -1).join('');
      else line += key;
    }
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stdout.write('\n');
  }
}

/** One character; undefined at the end of the input. The rest of what was typed stays for the next call. */
async function nextKey(stdin: Terminal['stdin'], signal: AbortSignal): Promise<string | undefined> {
  stdin.setEncoding('utf8');
  for (;;) {
    signal.throwIfAborted();
    const text = stdin.read();
    if (typeof text === 'string' && text !== '') {
      const [key = '', ...rest] = text;
      if (rest.length > 0) stdin.unshift(rest.join(''));
      return key;
    }
    if (!stdin.readable) return undefined;
    await once(stdin, 'readable', { signal });
  }
}

/** In characters; 80 by 24 for a file or a pipe. */
export function terminalSize({ stdout }: Terminal): { readonly width: number; readonly height: number } {
  return { width: stdout.columns || 80, height: stdout.rows || 24 };
}

/** Ctrl-], as telnet has it: it means nothing to a shell or an editor in the guest. */
const leaveKey = 0x1d;

/** Joins them until the person leaves, the console closes or `signal` aborts; then the terminal is as it was. */
export async function joinTerminal(serial: Duplex, { stdin, stdout }: Terminal, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const leave = (): void => {
      stdin.off('data', onKeys);
      serial.off('data', onOutput);
      serial.off('close', leave);
      signal.removeEventListener('abort', leave);
      if (stdin.isTTY) stdin.setRawMode?.(false);
      stdin.pause();
      resolve();
    };
    const onKeys = (keys: Buffer): void => {
      const leaving = keys.indexOf(leaveKey);
      serial.write(leaving === -1 ? keys : keys.subarray(0, leaving));
      if (leaving !== -1) leave();
    };
    const onOutput = (bytes: Buffer): void => {
      stdout.write(bytes);
    };
    if (stdin.isTTY) stdin.setRawMode?.(true);
    stdin.on('data', onKeys);
    serial.on('data', onOutput);
    serial.once('close', leave);
    signal.addEventListener('abort', leave, { once: true });
  });
}
