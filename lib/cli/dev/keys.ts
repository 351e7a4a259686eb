// Reads single keys from a terminal while no other code reads it.
import type { Terminal } from '../terminal.ts';

export class Keys {
  readonly #stdin: Terminal['stdin'];
  readonly #onKey: (key: string) => void;
  readonly #hear = (bytes: Buffer | string): void => {
    for (const key of String(bytes)) this.#onKey(key);
  };

  /** `onKey` gets each character, including ^C. Input that is not a terminal is not read. */
  constructor({ stdin }: Terminal, onKey: (key: string) => void) {
    this.#stdin = stdin;
    this.#onKey = onKey;
  }

  open(): void {
    if (this.#stdin.isTTY !== true) return;
    this.#stdin.setRawMode?.(true);
    this.#stdin.on('data', this.#hear);
    this.#stdin.resume();
  }

  /** Restores the terminal. */
  close(): void {
    if (this.#stdin.isTTY !== true) return;
    this.#stdin.off('data', this.#hear);
    this.#stdin.setRawMode?.(false);
    this.#stdin.pause();
  }
}
