// Connects the user's terminal to a serial console: keys are sent to the machine as they are typed, and its
// bytes are printed unchanged. Only this module reads standard input.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Failure } from '../core/errors.ts';

/** A terminal, or a file or pipe (then `isTTY` is not true). */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
}

/**
 * Prints a question and returns the line that is typed after it, without showing it. ^C is a Failure, as it
 * is when the terminal handles it.
 */
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

/** Returns one character, or undefined at the end of the input. Further input is kept for the next call. */
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

/** In characters. 80 by 24 for a file or a pipe. */
export function terminalSize({ stdout }: Terminal): { readonly width: number; readonly height: number } {
  return { width: stdout.columns || 80, height: stdout.rows || 24 };
}

/** Ctrl-], as in telnet: it has no meaning for a shell or an editor in the guest. */
const leaveKey = 0x1d;

/** Connects them until the user leaves, the console closes or `signal` aborts. Then the terminal is restored. */
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
