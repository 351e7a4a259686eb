// Computes the verdict of a recorded console again: from bytes and times as in the run, or from the bytes
// alone.
import { Judge } from './judge.ts';
import type { ConsoleRules, Limits } from './rules.ts';
import { hasTimes, readTranscript } from './transcript.ts';
import type { Judgement } from './verdict.ts';

/** Judges a text without times. */
export function judgedText(bytes: Uint8Array, rules: ConsoleRules): Judgement {
  const judge = new Judge(rules, rules.limits, false);
  judge.read(0, bytes);
  judge.mark(0, { kind: 'ended' });
  return judge.judgement();
}

/** Judges the transcript at `path`. Without X.log.times the bytes alone decide. */
export async function replay(path: string, rules: ConsoleRules, limits: Limits, signal?: AbortSignal): Promise<Judgement> {
  const timed = await hasTimes(path);
  const judge = new Judge(rules, limits, timed);
  let lastMs = 0;
  let closed = false;
  for await (const piece of readTranscript(path)) {
    signal?.throwIfAborted();
    lastMs = piece.atMs ?? lastMs;
    if (piece.kind === 'bytes') judge.read(lastMs, piece.bytes);
    else judge.mark(lastMs, piece.mark);
    closed ||= piece.kind === 'mark' && (piece.mark.kind === 'exited' || piece.mark.kind === 'ended');
  }
  if (!closed) judge.mark(lastMs, { kind: 'ended' });
  return judge.judgement();
}
