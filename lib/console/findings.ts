// Lines of a console that do not decide: the findings of a boot, and the differences between the findings of
// two boots. If no rule explains why a boot stalled, the most suspicious lines are chosen here.
import type { Finding } from './verdict.ts';

/** Further findings are dropped, so that a guest cannot exhaust the memory. */
const keptFindings = 500;

/** Collects the findings of a boot: the first of each kind of line, and their number. */
export class FindingList {
  readonly #found = new Map<string, { kind: string; line: string; count: number }>();

  add(kind: string, line: string): void {
    const key = likeness({ kind, line });
    const known = this.#found.get(key);
    if (known) known.count++;
    else if (this.#found.size < keptFindings) this.#found.set(key, { kind, line: line.trim(), count: 1 });
  }

  all(): Finding[] {
    return [...this.#found.values()].map((finding) => ({ ...finding }));
  }
}

export interface FindingsChange {
  readonly fresh: readonly Finding[];
  readonly gone: readonly Finding[];
  readonly counts: readonly { readonly finding: Finding; readonly before: number }[];
}

export function compareFindings(before: readonly Finding[], after: readonly Finding[]): FindingsChange {
  const [old, now] = [byLikeness(before), byLikeness(after)];
  const counts = [...now].flatMap(([key, finding]) => {
    const was = old.get(key)?.count;
    return was === undefined || was === finding.count ? [] : [{ finding, before: was }];
  });
  return {
    fresh: [...now].flatMap(([key, finding]) => (old.has(key) ? [] : [finding])),
    gone: [...old].flatMap(([key, finding]) => (now.has(key) ? [] : [finding])),
    counts,
  };
}

/**
 * Returns a text that is equal for two lines with the same meaning and different numbers: addresses,
 * processes, times.
 */
export function likeness({ kind, line }: Pick<Finding, 'kind' | 'line'>): string {
  return `${kind} ${line.replace(/\d+/g, '0')}`;
}

function byLikeness(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  return new Map(findings.map((finding) => [likeness(finding), finding]));
}

/** Words with weights, which were chosen by hand: words that good boots hardly ever print weigh more. */
const weights: readonly (readonly [pattern: RegExp, weight: number])[] = [
  [/\b(?:fatal|panic|panicked|abort(?:ed|ing)?|unrecoverable)\b/i, 9],
  [/\b(?:segfault|segmentation (?:fault|violation)|core dumped|illegal instruction|assertion|backtrace|call trace)\b/i, 8],
  [/\b(?:emergency|giving up|gave up|cannot continue|refus(?:ed|ing)|halt(?:ed|ing)?)\b/i, 7],
  [/\b(?:no such (?:file|device)|not found|does not exist|missing|unable to|could ?n[o']t|can ?not|can't)\b/i, 5],
  [/\b(?:fail(?:ed|ure|s)?|error|invalid|corrupt(?:ed)?|denied|permission|time[d -]?out|unexpected|bad)\b/i, 4],
  [/\b(?:warn(?:ing)?|retry(?:ing)?|waiting for|unknown|unsupported|not supported)\b/i, 2],
];
/** Texts of good boots that contain such words. */
const harmless =
  /\b(?:error|fail)[ _-]?(?:injection|over|safe)|errors=|no errors?\b|0 (?:errors|failed)|without error|panic=|on_error|\berror(?:s)?: 0\b/i;
const mostSuspects = 3;

/** Returns the most suspicious lines, in their order on the console. Of equal ones, the later is chosen. */
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
