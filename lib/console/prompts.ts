// Prompts on lines as they are and without the prefixes of recorders. Some prompts are only a sign ("# "),
// with which other lines begin too. If no question is asked, such a prompt counts when nothing follows it for
// the grace window. In a live run a harmless command is typed at the shell, and only its output confirms the
// prompt. This module keeps the prompts and questions. It types nothing itself.
import type { SeenPrompt, Matcher } from './lines/matcher.ts';
import { withoutPrefixes } from './lines/prefixes.ts';

export interface PlacedPrompt {
  readonly prompt: SeenPrompt;
  readonly atMs: number;
}

/**
 * The command that is typed at an uncertain prompt, and the text that a shell then prints. The text is typed
 * in two parts, so that the echo does not contain it.
 */
export interface Question {
  readonly typed: string;
  readonly answer: string;
}

/** Limit of questions, for a program that is not a shell but prints a sign again and again. */
const mostQuestions = 3;

/**
 * Returns the question of a number, which starts at 1. Its command works in each POSIX shell and changes
 * nothing.
 */
export function question(number: number): Question {
  return { typed: `echo bloo''mery-prompt-${number}\r`, answer: `bloomery-prompt-${number}` };
}

export class UnsurePrompt {
  #asks = false;
  #seen: PlacedPrompt | undefined;
  #asked: (PlacedPrompt & { readonly answer: string }) | undefined;
  #questions = 0;

  /** Enables questions from now on. */
  ask(): void {
    this.#asks = true;
  }

  get asks(): boolean {
    return this.#asks;
  }

  get questions(): number {
    return this.#questions;
  }

  /** The prompt of the last question that was not answered. */
  get unanswered(): SeenPrompt | undefined {
    return this.#asked?.prompt;
  }

  see(seen: PlacedPrompt): void {
    this.#seen = seen;
  }

  /** Forgets the prompt: more text has come, or the prompt counts. */
  forget(): void {
    this.#seen = undefined;
  }

  /** The prompt that counts when nothing follows it for the grace window. */
  get pending(): PlacedPrompt | undefined {
    return this.#asks ? undefined : this.#seen;
  }

  /** The prompt for which a question will be asked if nothing follows it for the grace window. */
  get doubtful(): PlacedPrompt | undefined {
    return this.#asks && this.#questions < mostQuestions ? this.#seen : undefined;
  }

  /** Records that a question was typed. */
  asked(answer: string): void {
    this.#questions++;
    if (this.#seen) this.#asked = { ...this.#seen, answer };
    this.#seen = undefined;
  }

  /** Returns the prompt that a line confirms. It is returned once. */
  confirmedBy(line: string): PlacedPrompt | undefined {
    if (!this.#asked || !line.includes(this.#asked.answer)) return undefined;
    const confirmed = this.#asked;
    this.#asked = undefined;
    return confirmed;
  }
}

/** Returns the prompt on a line. */
export function promptOf(match: Matcher, line: string): SeenPrompt | undefined {
  const own = match.prompt(line);
  if (own) return own;
  for (const text of withoutPrefixes(line)) {
    const prompt = match.prompt(text);
    if (prompt) return prompt;
  }
  return undefined;
}

/** Returns the prompt that is the whole last line of a text. Its last space may be missing. */
export function lastPromptOf(match: Matcher, lines: readonly string[]): SeenPrompt | undefined {
  const last = lines.findLast((line) => line.trim() !== '');
  if (last === undefined) return undefined;
  const whole = `${last.trimEnd()} `;
  const texts = [last, whole, ...withoutPrefixes(last), ...withoutPrefixes(whole)];
  return texts.map((line) => match.prompt(line)).find((seen) => seen && seen.rest.trim() === '');
}
