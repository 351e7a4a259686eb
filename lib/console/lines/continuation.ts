// What a line continues: text that a line of the kernel cut in two, or that a console wrapped at its last column. A line at a time; keeps the
// text that may go on, and nothing else.
import type { LineRule } from '../rules.ts';

/** Consoles of 80 columns wrap hard (firmware does). */
const columns = 80;
/** More is no line that anybody wrote. */
const longest = 1000;

/** A stamp on a line, and whether it says that the kernel's clock was set back. */
export interface Stamped {
  /** Characters before the stamp, and up to its end. */
  readonly at: number;
  readonly end: number;
  readonly seconds: number;
}

export class Continuation {
  readonly #stamp: RegExp | undefined;
  #cut = '';
  #wrapped = '';

  constructor(stamp: LineRule | undefined) {
    // A group with a name costs an object for each line.
    this.#stamp = stamp && new RegExp(stamp.pattern.source.replace('(?<seconds>', '('));
  }

  /** The stamp on a line; undefined where it has none. */
  stamped(line: string): Stamped | undefined {
    if (!this.#stamp || !line.includes('[')) return undefined;
    const match = this.#stamp.exec(line);
    return match ? { at: match.index, end: match.index + match[0].length, seconds: Number(match[1]) } : undefined;
  }

  /** The texts that an unfinished line may be the rest of. */
  wholes(line: string): readonly string[] {
    return this.#cut === '' || line.startsWith('[') ? [] : [this.#cut + line];
  }

  /** A line has ended. `told`: it means something by itself, so nothing that follows belongs to it. Gives the texts that it completes. */
  end(line: string, stamp: Stamped | undefined, told: boolean): readonly string[] {
    const wholes = stamp?.at === 0 ? [] : this.wholes(line);
    if (stamp && stamp.at > 0) this.#cut = (this.#cut + line.slice(0, stamp.at)).slice(0, longest);
    else if (!stamp) this.#cut = '';
    const wrapped = this.#wrapped === '' ? [] : [this.#wrapped + line];
    this.#wrapped = line.length === columns && !told ? (this.#wrapped + line).slice(-longest) : '';
    return [...wholes, ...wrapped];
  }
}
