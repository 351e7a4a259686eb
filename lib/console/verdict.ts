// What was concluded from a console, and how it is said: the closed set of verdicts, in words for a person and as --json prints
// them. Knows nothing of how the conclusion was reached (judge.ts).
import type { Json } from '../core/digest.ts';
import { formatMs } from '../core/sizes.ts';
import type { FailureKind, Stage } from './rules.ts';

/** Times are milliseconds since the machine was started; they are absent when a record has no times. */
export type Verdict =
  | { readonly kind: 'booted'; readonly line: string; readonly afterMs?: number }
  | ({ readonly kind: 'failed'; readonly failure: FailureKind; readonly line: string } & Progress)
  /** Neither prompt nor panic came in time. `waitingFor` is the text that a dialogue expected. */
  | ({ readonly kind: 'stalled'; readonly silentMs?: number; readonly waitingFor?: string } & Progress)
  /** The machine ended by itself before the boot was done. */
  | ({ readonly kind: 'exited-early'; readonly waitingFor?: string } & Progress);

/** How far a boot that was not done had come, and when it ended. */
interface Progress {
  readonly stage: Stage;
  readonly lastMilestone?: string;
  readonly afterMs?: number;
}

export interface SeenMilestone {
  readonly name: string;
  readonly atMs?: number;
}

/** A line that did not decide, the first of its like, and how many came. */
export interface Finding {
  readonly kind: string;
  readonly line: string;
  readonly count: number;
}

/** Whether a value that was read is a finding, as `judgementJson` writes it. */
export function isFinding(value: unknown): value is Finding {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('line' in value) || !('count' in value)) return false;
  return typeof value.kind === 'string' && typeof value.line === 'string' && Number.isSafeInteger(value.count);
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly milestones: readonly SeenMilestone[];
  readonly findings: readonly Finding[];
  /** The end of the console's text, oldest first. */
  readonly lastLines: readonly string[];
  /** Lines that may say why a boot stalled or ended early. */
  readonly suspects?: readonly string[];
}

/** One sentence. `subject` is what was booted. */
export function verdictSentence(subject: string, verdict: Verdict): string {
  const after = verdict.afterMs === undefined ? '' : ` after ${formatMs(verdict.afterMs)}`;
  switch (verdict.kind) {
    case 'booted':
      return `${subject} booted${after}: "${verdict.line}"`;
    case 'failed':
      return `${subject} failed to boot${after} in stage ${verdict.stage} (${verdict.failure}): "${verdict.line}"`;
    case 'stalled': {
      const silent = verdict.silentMs === undefined ? '' : `, silent for ${formatMs(verdict.silentMs)}`;
      return `${subject} stalled${after} ${where(verdict)}${silent}`;
    }
    case 'exited-early':
      return `${subject} ended by itself${after} ${where(verdict)}`;
  }
}

function where({ stage, lastMilestone, waitingFor }: { stage: Stage; lastMilestone?: string; waitingFor?: string }): string {
  const last = lastMilestone === undefined ? 'before any milestone' : `after milestone "${lastMilestone}"`;
  return `in stage ${stage}, ${last}${waitingFor === undefined ? '' : `, waiting for "${waitingFor}"`}`;
}

/** The keys `verdict`, `milestones` and `findings` of --json. */
export function judgementJson({ verdict, milestones, findings, suspects = [] }: Judgement): { [key: string]: Json } {
  return {
    ...(suspects.length > 0 && { suspects: [...suspects] }),
    verdict: { ...verdict },
    milestones: milestones.map((seen) => ({ ...seen })),
    findings: findings.map((finding) => ({ ...finding })),
  };
}
