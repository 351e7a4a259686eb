// Computes the summary of a NAR while it is read: its size, its hash, and the store paths that it refers to.
// It needs constant memory.
import { sha256 } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { toBase32 } from '../store/nix-hash.ts';
import { referenceScan } from '../store/hash-parts.ts';
import type { StoreName } from '../store/store-path.ts';

export interface NarSummary {
  readonly sizeBytes: number;
  /** "sha256:" and 52 characters, as Nix prints it. */
  readonly hash: string;
  /** Sorted. Includes the path itself if it refers to itself. */
  readonly references: readonly StoreName[];
}

export interface NarTally {
  update(chunk: Uint8Array): void;
  finish(): NarSummary;
}

/** Counts the chunks that are passed to it. Only `candidates` can be references. */
export function narTally(candidates: Iterable<StoreName> = []): NarTally {
  const hash = sha256();
  const scan = referenceScan(candidates);
  let sizeBytes = 0;
  return {
    update: (chunk) => {
      hash.update(chunk);
      scan.update(chunk);
      sizeBytes += chunk.length;
    },
    finish: () => ({ sizeBytes, hash: `sha256:${toBase32(hash.digest())}`, references: [...scan.found()].sort() }),
  };
}

/** Reads a NAR to its end and returns its summary. The work can be cancelled. */
export async function summaryOf(
  chunks: Iterable<Uint8Array>,
  candidates: Iterable<StoreName>,
  context: Context,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<NarSummary> {
  const tally = narTally(candidates);
  const turn = pace(context);
  for (const chunk of chunks) {
    tally.update(chunk);
    onBytes(chunk.length);
    await turn(chunk.length);
  }
  return tally.finish();
}

/** Yields the chunks again after passing each to `see`. */
export function* observed(chunks: Iterable<Uint8Array>, see: (chunk: Uint8Array) => void): Generator<Uint8Array, void> {
  for (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}
