// A dialogue over a serial console: texts to wait for and texts to type, in their order. A state machine of bytes heard; it types
// nothing itself and knows no machine and no verdict.
import { Cleaner } from './lines/clean.ts';

export type Step =
  | { readonly kind: 'expect'; readonly text: string }
  /** Typed, then Enter (a CR, as a terminal sends it). Before any `expect` it waits for the system's prompt. */
  | { readonly kind: 'send'; readonly text: string };

/** How much text that met no expectation is kept: an expectation may lie in lines that came at once with the one before it. */
const keptText = 64 * 1024;

export class Dialogue {
  readonly #steps: Step[];
  readonly #cleaner = new Cleaner();
  /** Whole lines heard since the last expectation was met. */
  #heard = '';
  /** Characters of the unfinished line that belong to the last expectation. */
  #used = 0;
  #begun = false;

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  /** What is waited for; undefined when the dialogue is over. */
  get waitingFor(): string | undefined {
    const step = this.#steps[0];
    return step && (step.kind === 'expect' ? step.text : 'the prompt');
  }

  /** Bytes of the console arrived. `prompted`: the system's prompt has been seen. Gives the texts to type now. */
  hear(bytes: Uint8Array, prompted: boolean): readonly string[] {
    for (const line of this.#cleaner.push(bytes)) {
      this.#heard += `${line.slice(this.#used)}\n`;
      this.#used = 0;
    }
    if (this.#heard.length > 2 * keptText) this.#heard = this.#heard.slice(-keptText);
    const typed: string[] = [];
    this.#begun ||= prompted;
    for (let step = this.#steps[0]; step; step = this.#steps[0]) {
      if (step.kind === 'expect' ? !this.#met(step.text) : !this.#begun) break;
      if (step.kind === 'send') typed.push(`${step.text}\r`);
      this.#begun = true;
      this.#steps.shift();
    }
    return typed;
  }

  #met(text: string): boolean {
    const unfinished = this.#cleaner.unfinished.slice(this.#used);
    const found = (this.#heard + unfinished).indexOf(text);
    if (found === -1) return false;
    const end = found + text.length;
    if (end > this.#heard.length) this.#used += end - this.#heard.length;
    this.#heard = this.#heard.slice(end);
    return true;
  }
}
