// Prompts on lines as they are and without the prefixes of recorders, and those that are only a sign ("# "), with which other lines begin too.
// Without a question such a prompt counts when nothing follows it for the grace window. In a
// live run the shell is asked instead: it gets one harmless command, and only the output of that command confirms the prompt. Keeps what was seen and
// asked; types nothing itself.
import type { SeenPrompt, Matcher } from './lines/matcher.ts';
import { withoutPrefixes } from './lines/prefixes.ts';

export interface PlacedPrompt {
  readonly prompt: SeenPrompt;
  readonly atMs: number;
}

/** What is typed at an unsure prompt, and the text that a shell then prints. The mark is typed in two parts, so that the echo of typing does not have it. */
export interface Question {
  readonly typed: string;
  readonly answer: string;
}

/** Something else than a shell that prints a sign again and again is not asked for ever. */
const mostQuestions = 3;

/** The question of that number, from 1 on. Its command is one of each POSIX shell, and changes nothing. */
export function question(number: number): Question {
  return { typed: `echo bloo''mery-prompt-${number}\r`, answer: `bloomery-prompt-${number}` };
}

export class UnsurePrompt {
  #asks = false;
  #seen: PlacedPrompt | undefined;
  #asked: (PlacedPrompt & { readonly answer: string }) | undefined;
  #questions = 0;

  /** From now on, a shell is asked. */
  ask(): void {
    this.#asks = true;
  }

  get asks(): boolean {
    return this.#asks;
  }

  get questions(): number {
    return this.#questions;
  }

  /** The prompt that was asked about last and has not answered. */
  get unanswered(): SeenPrompt | undefined {
    return this.#asked?.prompt;
  }

  see(seen: PlacedPrompt): void {
    this.#seen = seen;
  }

  /** More text has come, or the prompt counts. */
  forget(): void {
    this.#seen = undefined;
  }

  /** The prompt that counts when nothing follows it for the grace window. */
  get pending(): PlacedPrompt | undefined {
    return this.#asks ? undefined : this.#seen;
  }

  /** The prompt that is to be asked about when nothing follows it for the grace window. */
  get doubtful(): PlacedPrompt | undefined {
    return this.#asks && this.#questions < mostQuestions ? this.#seen : undefined;
  }

  /** A question was typed. */
  asked(answer: string): void {
    this.#questions++;
    if (this.#seen) this.#asked = { ...this.#seen, answer };
    this.#seen = undefined;
  }

  /** Returns the prompt that a line confirms, once. */
  confirmedBy(line: string): PlacedPrompt | undefined {
    if (!this.#asked || !line.includes(this.#asked.answer)) return undefined;
    const confirmed = this.#asked;
    this.#asked = undefined;
    return confirmed;
  }
}

/** A prompt on a line. */
export function promptOf(match: Matcher, line: string): SeenPrompt | undefined {
  const own = match.prompt(line);
  if (own) return own;
  for (const text of withoutPrefixes(line)) {
    const prompt = match.prompt(text);
    if (prompt) return prompt;
  }
  return undefined;
}

/** A prompt that is all of the last line of a text, whose last blank may have been cut. */
export function lastPromptOf(match: Matcher, lines: readonly string[]): SeenPrompt | undefined {
  const last = lines.findLast((line) => line.trim() !== '');
  if (last === undefined) return undefined;
  const whole = `${last.trimEnd()} `;
  const texts = [last, whole, ...withoutPrefixes(last), ...withoutPrefixes(whole)];
  return texts.map((line) => match.prompt(line)).find((seen) => seen && seen.behind.trim() === '');
}
