// Findings of two boots, side by side: what is new, what is gone, what comes more or less often. Lines count as the same that differ in
// numbers alone.
import type { Finding } from './verdict.ts';

/** Further findings are not kept, so that a guest cannot fill the memory. */
const keptFindings = 500;

/** The findings of a boot as they come: the first of its like, and how many came. */
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

/** What two lines have in common that say the same of another number: an address, a process, a time. */
export function likeness({ kind, line }: Pick<Finding, 'kind' | 'line'>): string {
  return `${kind} ${line.replace(/\d+/g, '0')}`;
}

function byLikeness(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  return new Map(findings.map((finding) => [likeness(finding), finding]));
}
