// A shell on a serial console: logs in, runs a command, and returns its output and status. The kernel may
// print whole lines into the middle of other lines. These are removed. This module does not know the machine:
// it gets the bytes of the console and a function that types.
import { cannot, itemOf } from '../core/errors.ts';
import { Cleaner } from './lines/clean.ts';
import { Continuation } from './lines/prefixes.ts';
import type { LineRule } from './rules.ts';

/** Both directions of a console. */
export interface ShellLine {
  on(event: 'data', hear: (bytes: Buffer) => void): unknown;
  off(event: 'data', hear: (bytes: Buffer) => void): unknown;
  write(text: string): unknown;
}

export interface ShellOptions {
  /** The stamp of the kernel's lines. Without it, no lines are removed. */
  readonly stamp?: LineRule | undefined;
  readonly signal: AbortSignal;
  /** Time limit of each answer (default 60 s). */
  readonly timeoutMs?: number;
  /** The present unfinished line of the console: a prompt that is already there. */
  readonly unfinished?: string;
}

export interface CommandResult {
  /** The lines of the output, each with "\n", without those of the kernel. */
  readonly output: string;
  readonly status: number;
}

const defaultTimeoutMs = 60_000;
/** A prompt that was split by the kernel or printed too early is requested again after this silence. */
const askAgainMs = 2000;

/** A shell for which commands are typed. Bytes from before its creation are not part of any output. */
export class Shell {
  readonly #line: ShellLine;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #cleaner = new Cleaner();
  readonly #stamped: Continuation;
  /** Whole lines of the guest since the last command was typed. */
  #lines: string[] = [];
  /** The beginning of a line that a line of the kernel split. */
  #cut = '';
  #serial = 0;
  #wake: () => void = () => undefined;

  constructor(line: ShellLine, { stamp, signal, timeoutMs = defaultTimeoutMs, unfinished = '' }: ShellOptions) {
    this.#line = line;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    this.#stamped = new Continuation(stamp);
    this.#cut = unfinished;
    line.on('data', this.#hear);
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /**
   * Answers "login:" and "Password:", then waits until a shell answers. Without a name, the console already
   * has a shell.
   */
  async login(user?: string, password?: string): Promise<void> {
    if (user !== undefined) {
      const asks = /(?:^|[\s(])login: *$/;
      await this.#until(
        'log in',
        () => asks.test(this.#unfinished) || undefined,
        () => this.#type(''),
      );
      this.#type(user);
      if (password !== undefined) {
        await this.#until(`log in as ${user}`, () => /password: *$/i.test(this.#unfinished) || undefined);
        this.#type(password);
      }
    }
    const mark = 'bloomery-shell';
    const ask = (): void => this.#type("echo bloo''mery-shell");
    ask();
    await this.#until(
      'find a shell',
      () => {
        if (this.#lines.some((text) => /login incorrect|authentication failure/i.test(text)))
          throw cannot(`log in as ${user}`, 'the guest refuses');
        return this.#lines.some((text) => text.trimEnd().endsWith(mark)) || undefined;
      },
      ask,
    );
  }

  /**
   * Runs a command of a POSIX shell, which may have several lines. A command that does not end in time is a
   * Failure. `onLine` is called with each line of the output as it arrives.
   */
  async run(command: string, onLine?: (line: string) => void): Promise<CommandResult> {
    // Each mark is typed in two halves, so that the terminal's echo does not contain it.
    const serial = ++this.#serial;
    const mark = `bloomery-${serial}`;
    const halves = (word: string): string => `bloo''mery-${serial}-${word}`;
    this.#lines = [];
    let passedOn = 0;
    this.#type(`echo ${halves('begin')}; eval ${quoted(command)}; echo "" ${halves('end')} $?`);
    return await this.#until(`run "${command}" in the guest`, () => {
      const { output, status } = outputBetween(this.#lines, mark);
      for (const text of output.slice(passedOn)) onLine?.(text);
      passedOn = output.length;
      return status === undefined ? undefined : { output: output.map((text) => `${text}\n`).join(''), status };
    });
  }

  /** Stops reading the console. */
  close(): void {
    this.#line.off('data', this.#hear);
  }

  get #unfinished(): string {
    return this.#cut + this.#cleaner.unfinished;
  }

  #type(text: string): void {
    this.#line.write(`${text}\r`);
  }

  readonly #hear = (bytes: Buffer): void => {
    for (const text of this.#cleaner.push(bytes)) {
      const at = this.#stamped.stamped(text)?.at;
      if (at === undefined) this.#lines.push(this.#cut + text);
      // the rest of the split line comes with the next line
      this.#cut = at === undefined ? '' : this.#cut + text.slice(0, at);
    }
    this.#wake();
  };

  /** Waits until `find` returns a value. `again` is called after each silence. */
  async #until<T>(what: string, find: () => T | undefined, again?: () => void): Promise<T> {
    const endMs = performance.now() + this.#timeoutMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = find();
      if (found !== undefined) return found;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) {
        throw cannot(what, `the guest has not answered within ${this.#timeoutMs / 1000} s`, { detail: this.#lines.slice(-10).join('\n') });
      }
      if (!(await this.#heardWithin(again ? Math.min(leftMs, askAgainMs) : leftMs))) again?.();
    }
  }

  /** Whether bytes arrived before the time was over or the run was interrupted. */
  async #heardWithin(ms: number): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}

/**
 * Returns the lines of output between the marks of a command, and its status. The status is undefined as long
 * as the second mark is missing.
 */
function outputBetween(
  lines: readonly string[],
  mark: string,
): { readonly output: readonly string[]; readonly status: number | undefined } {
  const from = lines.findIndex((text) => text.trimEnd().endsWith(`${mark}-begin`));
  if (from === -1) return { output: [], status: undefined };
  const to = lines.findIndex((text, index) => index > from && text.includes(`${mark}-end `));
  if (to === -1) return { output: lines.slice(from + 1), status: undefined };
  const [before = '', status = ''] = itemOf(lines, to).split(` ${mark}-end `);
  return { output: [...lines.slice(from + 1, to), ...(before === '' ? [] : [before])], status: Number.parseInt(status, 10) };
}

/** Returns a text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
