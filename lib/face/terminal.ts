// A person's terminal joined to a serial console: keys go to the machine as they are typed, bytes come back as they are. The one
// place that reads standard input.
import type { Duplex } from 'node:stream';

/** A terminal, or a file or pipe in its place (`isTTY` is not true then). */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly stdout: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
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
