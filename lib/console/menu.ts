// Answers menus on a serial console that would stop a boot until a key is pressed. Types nothing itself: it
// returns what is to be typed.
import { Cleaner } from './lines/clean.ts';
import type { MenuRule } from './rules.ts';

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
