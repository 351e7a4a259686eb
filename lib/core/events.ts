// Everything that can happen while a task runs, as one closed union, and how a task ends. Rooms report
// events; lib/cli decides what the user sees.
import { setImmediate } from 'node:timers/promises';
import type { Digest, Json } from './digest.ts';

export type Event =
  /** A named stretch of work over a second long has begun or ended (planning, assembling, unpacking). */
  | { kind: 'phase-started'; phase: string }
  | { kind: 'phase-finished'; phase: string; durationMs: number; note?: string }
  /** Bytes or items done of a phase. */
  | { kind: 'progress'; phase: string; done: number; total: number }
  /** The unit graph is known. */
  | { kind: 'planned'; units: number }
  /** Told when it was asked for (--explain): what changed since the unit's last result, as short clauses. */
  | { kind: 'unit-missed'; unit: string; reasons: readonly string[] }
  | { kind: 'unit-started'; unit: string }
  /** The unit still runs, but what its users need to start is there (pipelining). */
  | { kind: 'unit-metadata-ready'; unit: string }
  /** `durationMs`: of the command, or of a hit's look-up. `savedMs`, of a hit: how long the command took when it was run. */
  | { kind: 'unit-finished'; unit: string; outcome: 'hit' | 'built'; durationMs: number; savedMs?: number; key: Digest }
  /** Units below hits that nothing needed, so that they were not looked up. */
  | { kind: 'units-skipped'; units: number; savedMs: number }
  | { kind: 'unit-failed'; unit: string }
  /** A compiler's or build script's own message, already rendered and with the user's paths. */
  | { kind: 'diagnostic'; unit: string; text: string }
  /** A blob of the store did not have the bytes of its name; it was dropped and is a miss. */
  | { kind: 'repaired'; digest: Digest }
  /** Something the user should know, in one sentence. */
  | { kind: 'note'; text: string }
  /** A note that concerns the user's security, so it is printed although --quiet. */
  | { kind: 'warning'; text: string }
  /** Lines of a machine's serial console as they arrive (cleaned). */
  | { kind: 'console'; line: string };

export type Report = (event: Event) => void;

/** Effects take this last: how to stop, and whom to tell. */
export interface Context {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Runs `work` as a phase: reports its start, its end and how long it took. */
export async function phase<T>(name: string, report: Report, work: () => Promise<T>): Promise<T> {
  report({ kind: 'phase-started', phase: name });
  const startMs = performance.now();
  const result = await work();
  report({ kind: 'phase-finished', phase: name, durationMs: performance.now() - startMs });
  return result;
}

const bytesPerTurn = 8 * 1024 * 1024;

/**
 * Long work on blocks is done synchronously, which is fastest. Returns a function that such work calls after each stretch with its bytes: every 8 MiB
 * it gives others a turn, and throws the reason where the work was called off.
 */
export function pace({ signal }: Context): (bytes: number) => Promise<void> {
  let since = 0;
  return async (bytes) => {
    since += bytes;
    if (since < bytesPerTurn) return;
    since = 0;
    await setImmediate();
    signal.throwIfAborted();
  };
}

/** What a task ends with: its exit code (0 unless said), and the object that --json prints. */
export interface Outcome {
  readonly exitCode?: number;
  readonly json?: Json;
}
