// The lines that most probably say why a boot came no further, where no rule knows any: by words that programs say when something is wrong.

/** Words and their weights, which were chosen by hand: a word that good boots hardly ever print weighs more. */
const weights: readonly (readonly [pattern: RegExp, weight: number])[] = [
  [/\b(?:fatal|panic|panicked|abort(?:ed|ing)?|unrecoverable)\b/i, 9],
  [/\b(?:segfault|segmentation (?:fault|violation)|core dumped|illegal instruction|assertion|backtrace|call trace)\b/i, 8],
  [/\b(?:emergency|giving up|gave up|cannot continue|refus(?:ed|ing)|halt(?:ed|ing)?)\b/i, 7],
  [/\b(?:no such (?:file|device)|not found|does not exist|missing|unable to|could ?n[o']t|can ?not|can't)\b/i, 5],
  [/\b(?:fail(?:ed|ure|s)?|error|invalid|corrupt(?:ed)?|denied|permission|time[d -]?out|unexpected|bad)\b/i, 4],
  [/\b(?:warn(?:ing)?|retry(?:ing)?|waiting for|unknown|unsupported|not supported)\b/i, 2],
];
/** What good boots say of themselves in such words. */
const harmless = /\b(?:error|fail)[ _-]?(?:injection|over|safe)|errors=|no errors?\b|0 (?:errors|failed)|without error|panic=|on_error|\berror(?:s)?: 0\b/i;
const mostSuspects = 3;

/** The most suspicious lines, in their order on the console; of equal ones the later. */
export function suspects(lines: readonly string[]): readonly string[] {
  const weighed = lines.map((line, index) => ({ line: line.trim(), index, weight: weightOf(line) }));
  const known = new Set<string>();
  const chosen = weighed
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || b.index - a.index)
    .filter(({ line }) => !known.has(line) && known.add(line))
    .slice(0, mostSuspects);
  return chosen.sort((a, b) => a.index - b.index).map(({ line }) => line);
}

function weightOf(line: string): number {
  if (harmless.test(line)) return 0;
  return weights.reduce((sum, [pattern, weight]) => (pattern.test(line) ? sum + weight : sum), 0);
}
