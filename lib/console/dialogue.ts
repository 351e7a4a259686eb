// What is typed at a serial console without a user: a dialogue (texts to wait for and texts to type, in their order), and answers to menus that would
// stop a boot until a key is pressed. State machines of the bytes of the console. They type nothing themselves, and know no machine and no verdict.
import { Cleaner } from './lines/clean.ts';
import type { MenuRule } from './rules.ts';

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

export class MenuAnswers {
  readonly #waiting: Set<MenuRule>;
  readonly #cleaner = new Cleaner();

  constructor(menus: readonly MenuRule[]) {
    this.#waiting = new Set(menus);
  }

  /** Bytes of the console arrived. Returns the answers to the menus that these bytes complete. */
  hear(bytes: Uint8Array): readonly string[] {
    if (this.#waiting.size === 0) return [];
    const lines = [...this.#cleaner.push(bytes), this.#cleaner.unfinished];
    const met = [...this.#waiting].filter(({ pattern }) => lines.some((line) => pattern.test(line)));
    for (const menu of met) this.#waiting.delete(menu);
    return met.map(({ answer }) => answer);
  }
}
