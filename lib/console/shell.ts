// A shell at the other end of a serial console: log in, run a command, have its output and status. The kernel prints into the same line, whole
// lines at a time and in the middle of others; those are taken out. Knows no machine: it is given bytes to hear and a way to type.
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

const defaultTimeoutMs = 60_000;
/** A prompt that printk covered, or that came before we listened, is asked for again after this silence. */
const askAgainMs = 2000;

/** A shell that is typed at. What is heard before it is made is not part of any output. */
export class Shell {
  readonly #line: ShellLine;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #cleaner = new Cleaner();
  readonly #stamped: Continuation;
  /** Whole lines of the guest since the last command was typed. */
  #lines: string[] = [];
  /** The beginning of a line that a line of the kernel cut. */
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

  /** Answers "login:" and "Password:", then waits until a shell obeys. Without a name, a shell is there already. */
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
   * Runs a POSIX shell's command, of any number of lines. A command that does not end in time is a Failure. `onLine` is called with each line of the
   * output as it arrives.
   */
  async run(command: string, onLine?: (line: string) => void): Promise<CommandResult> {
    // Each mark is typed in two halves, so that the terminal's echo of what is typed is none.
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

  /** Hears nothing any more. */
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
      this.#cut = at === undefined ? '' : this.#cut + text.slice(0, at); // the rest of what was cut comes with the next line
    }
    this.#wake();
  };

  /** Waits until `find` finds something; `again` is done in each silence. */
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

  /** Whether bytes came before the time was over, or the run was interrupted. */
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

/** The lines of output between the marks of a command, and its status; no status as long as the second mark is missing. */
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
