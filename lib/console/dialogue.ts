// Input for a serial console without a user: a dialogue (texts to wait for and texts to type, in order), and
// answers to menus that would stop a boot until a key is pressed. These are state machines of the bytes of
// the console. They type nothing themselves, and do not know the machine or the verdict.
import { Cleaner } from './lines/clean.ts';
import type { MenuRule } from './rules.ts';

export type Step =
  | { readonly kind: 'expect'; readonly text: string }
  /** Typed, then Enter (a CR, as a terminal sends it). Before any `expect` it waits for the system's prompt. */
  | { readonly kind: 'send'; readonly text: string };

/**
 * Amount of text that is kept although it met no expectation, in characters. A later expectation may be in
 * lines that arrived together with those of the previous one.
 */
const keptText = 64 * 1024;

export class Dialogue {
  readonly #steps: Step[];
  readonly #cleaner = new Cleaner();
  /** Whole lines since the last expectation was met. */
  #heard = '';
  /** Characters of the unfinished line that belong to the last expectation. */
  #used = 0;
  #begun = false;

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  /** The text that is expected. Undefined when the dialogue is over. */
  get waitingFor(): string | undefined {
    const step = this.#steps[0];
    return step && (step.kind === 'expect' ? step.text : 'the prompt');
  }

  /**
   * Handles bytes from the console. `prompted`: the system's prompt has been seen. Returns the texts to type
   * now.
   */
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

export class MenuAnswers {
  readonly #waiting: Set<MenuRule>;
  readonly #cleaner = new Cleaner();

  constructor(menus: readonly MenuRule[]) {
    this.#waiting = new Set(menus);
  }

  /** Handles bytes from the console. Returns the answers to the menus that these bytes complete. */
  hear(bytes: Uint8Array): readonly string[] {
    if (this.#waiting.size === 0) return [];
    const lines = [...this.#cleaner.push(bytes), this.#cleaner.unfinished];
    const met = [...this.#waiting].filter(({ pattern }) => lines.some((line) => pattern.test(line)));
    for (const menu of met) this.#waiting.delete(menu);
    return met.map(({ answer }) => answer);
  }
}
