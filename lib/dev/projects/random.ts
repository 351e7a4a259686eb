// The random choices of a history. One seed determines all of them, so that a history can be repeated.
import { randomNumbers } from '../../core/random-numbers.ts';

export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomNumbers(seed);
  }

  /** Returns a whole number from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  /** Returns true with the probability `share`, a number from 0 to 1. */
  chance(share: number): boolean {
    return this.#next() < share;
  }

  /** Returns one element. Throws if the list is empty. */
  pick<T>(list: readonly T[]): T {
    const index = this.below(list.length);
    if (index >= list.length) throw new RangeError('no element to pick');
    return list[index] as T;
  }

  /** Returns `count` different elements, or all if there are fewer. */
  some<T>(list: readonly T[], count: number): readonly T[] {
    const rest = [...list];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(this.below(rest.length), 1));
    return chosen;
  }
}
