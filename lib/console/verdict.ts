// The result of judging a console, and its presentation: the closed set of verdicts, as sentences and as
// --json prints them. How a verdict is reached is in judge.ts.
import type { Json } from '../core/digest.ts';
import { formatMs } from '../core/sizes.ts';
import type { FailureKind, Stage } from './rules.ts';

/** Times are milliseconds since the start of the machine. They are absent if a transcript has no times. */
export type Verdict =
  | { readonly kind: 'booted'; readonly line: string; readonly afterMs?: number }
  | ({ readonly kind: 'failed'; readonly failure: FailureKind; readonly line: string } & Progress)
  /** Neither prompt nor panic came in time. `waitingFor` is the text that a dialogue expected. */
  | ({ readonly kind: 'stalled'; readonly silentMs?: number; readonly waitingFor?: string } & Progress)
  /** The machine ended by itself before the boot was done. */
  | ({ readonly kind: 'exited-early'; readonly waitingFor?: string } & Progress);

/** The progress of a boot that was not done, and the time at which it ended. */
interface Progress {
  readonly stage: Stage;
  readonly lastMilestone?: string;
  readonly afterMs?: number;
}

export interface SeenMilestone {
  readonly name: string;
  readonly atMs?: number;
}

/** A line that did not decide: the first of its kind, and the number of such lines. */
export interface Finding {
  readonly kind: string;
  readonly line: string;
  readonly count: number;
}

/** Whether an unchecked value is a finding, as `judgementJson` writes it. */
export function isFinding(value: unknown): value is Finding {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('line' in value) || !('count' in value)) return false;
  return typeof value.kind === 'string' && typeof value.line === 'string' && Number.isSafeInteger(value.count);
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly milestones: readonly SeenMilestone[];
  readonly findings: readonly Finding[];
  /** The last lines of the console, oldest first. */
  readonly lastLines: readonly string[];
  /** Lines that may explain why a boot stalled or ended early. */
  readonly suspects?: readonly string[];
}

/** Returns one sentence. `subject` is what was booted. */
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

/** Returns the keys `verdict`, `milestones` and `findings` of --json. */
export function judgementJson({ verdict, milestones, findings, suspects = [] }: Judgement): { [key: string]: Json } {
  return {
    ...(suspects.length > 0 && { suspects: [...suspects] }),
    verdict: { ...verdict },
    milestones: milestones.map((seen) => ({ ...seen })),
    findings: findings.map((finding) => ({ ...finding })),
  };
}
