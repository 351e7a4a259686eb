// A shell at the other end of a serial console: log in, run a command, have its output and status. The kernel prints into the same line, whole
// lines at a time and in the middle of others; those are taken out. Knows no machine: it is given bytes to hear and a way to type.
import { cannot } from '../core/errors.ts';
import { Cleaner } from './lines/clean.ts';
import { Continuation } from './lines/continuation.ts';
import type { LineRule } from './rules.ts';

/** Both directions of a console. */
export interface ShellLine {
  on(event: 'data', hear: (bytes: Buffer) => void): unknown;
  off(event: 'data', hear: (bytes: Buffer) => void): unknown;
  write(text: string): unknown;
}

export interface ShellOptions {
  /** How the kernel stamps its lines; without it, nothing is taken out. */
  readonly stamp?: LineRule | undefined;
  readonly signal: AbortSignal;
  /** How long each answer may take (default 60 s). */
  readonly timeoutMs?: number;
  /** The unfinished line of the console so far: a prompt that needs no asking for. */
  readonly unfinished?: string;
}

export interface CommandResult {
  /** Lines with "\n" at their ends, without those of the kernel. */
  readonly output: string;
  readonly status: number;
}

export interface Shell {
  /** Answers "login:" and "Password:", then waits until a shell obeys. Without a name, a shell is there already. */
  login(user?: string, password?: string): Promise<void>;
  /**
   * Runs a POSIX shell's command, of any number of lines. A command that does not end in time is a Failure. `onLine` is called with each
   * line of the output as it arrives.
   */
  run(command: string, onLine?: (line: string) => void): Promise<CommandResult>;
  /** Hears nothing any more. */
  close(): void;
}

const defaultTimeoutMs = 60_000;
/** A prompt that printk covered, or that came before we listened, is asked for again after this silence. */
const askAgainMs = 2000;

export function openShell(line: ShellLine, { stamp, signal, timeoutMs = defaultTimeoutMs, unfinished: before = '' }: ShellOptions): Shell {
  const cleaner = new Cleaner();
  const stamped = new Continuation(stamp);
  let lines: string[] = [];
  let cut = before;
  let serial = 0;
  let wake: () => void = () => undefined;
  const hear = (bytes: Buffer): void => {
    for (const text of cleaner.push(bytes)) {
      const at = stamped.stamped(text)?.at;
      if (at === undefined) lines.push(cut + text);
      cut = at === undefined ? '' : cut + text.slice(0, at); // the rest of what was cut comes with the next line
    }
    wake();
  };
  line.on('data', hear);
  signal.addEventListener('abort', () => wake(), { once: true });

  /** Waits until `find` finds something; `again` is done in each silence. */
  const until = async <T>(what: string, find: () => T | undefined, again?: () => void): Promise<T> => {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      const found = find();
      if (found !== undefined) return found;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0)
        throw cannot(what, `the guest has not answered within ${timeoutMs / 1000} s`, { detail: lines.slice(-10).join('\n') });
      const heard = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), again ? Math.min(leftMs, askAgainMs) : leftMs);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (!heard) again?.();
    }
  };
  const type = (text: string): void => void line.write(`${text}\r`);
  const unfinished = (): string => cut + cleaner.unfinished;

  const run = async (command: string, onLine?: (line: string) => void): Promise<CommandResult> => {
    // Each mark is typed in two halves, so that the terminal's echo of what is typed is none.
    const mark = `bloomery-${++serial}`;
    const halves = (word: string): string => `bloo''mery-${serial}-${word}`;
    lines = [];
    let passedOn = 0;
    const passOn = (until: number): void => {
      for (; passedOn < until; passedOn++) onLine?.(lines[passedOn] ?? '');
    };
    type(`echo ${halves('begin')}; eval ${quoted(command)}; echo "" ${halves('end')} $?`);
    return await until(`run "${command}" in the guest`, () => {
      const from = lines.findIndex((text) => text.trimEnd().endsWith(`${mark}-begin`));
      const to = lines.findIndex((text, index) => index > from && text.includes(`${mark}-end `));
      if (from === -1) return undefined;
      passedOn = Math.max(passedOn, from + 1);
      passOn(to === -1 ? lines.length : to);
      if (to === -1) return undefined;
      const [before = '', status = ''] = (lines[to] ?? '').split(` ${mark}-end `);
      if (before !== '') onLine?.(before);
      const output = [...lines.slice(from + 1, to), ...(before === '' ? [] : [before])];
      return { output: output.map((text) => `${text}\n`).join(''), status: Number.parseInt(status, 10) };
    });
  };
  return {
    async login(user, password) {
      if (user !== undefined) {
        const asks = /(?:^|[\s(])login: *$/;
        await until(
          'log in',
          () => asks.test(unfinished()) || undefined,
          () => type(''),
        );
        type(user);
        if (password !== undefined) {
          await until(`log in as ${user}`, () => /password: *$/i.test(unfinished()) || undefined);
          type(password);
        }
      }
      const mark = 'bloomery-shell';
      const ask = (): void => type("echo bloo''mery-shell");
      ask();
      await until(
        'find a shell',
        () => {
          if (lines.some((text) => /login incorrect|authentication failure/i.test(text)))
            throw cannot(`log in as ${user}`, 'the guest refuses');
          return lines.some((text) => text.trimEnd().endsWith(mark)) || undefined;
        },
        ask,
      );
    },
    run,
    close: () => void line.off('data', hear),
  };
}

/** Returns a text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
