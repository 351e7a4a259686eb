// Findings of two boots, side by side: what is new, what is gone, what comes more or less often. Lines count as the same that differ in
// numbers alone.
import type { Finding } from './verdict.ts';

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
