// Prompts on lines as they are and without the prefixes of recorders.
import type { Matcher, SeenPrompt } from './lines/matcher.ts';
import { withoutPrefixes } from './lines/prefixes.ts';

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
