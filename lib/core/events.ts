// Everything that can happen while a task runs, as one closed union, and the outcome of a task. Rooms report
// events. lib/cli decides what the user sees.
import { setImmediate } from 'node:timers/promises';
import type { Digest, Json } from './digest.ts';

export type Event =
  /** A named part of the work that takes over a second has begun or ended (planning, assembling, unpacking). */
  | { kind: 'phase-started'; phase: string }
  | { kind: 'phase-finished'; phase: string; durationMs: number; note?: string }
  /** Bytes or items done of a phase. */
  | { kind: 'progress'; phase: string; done: number; total: number }
  /** The unit graph is known. */
  | { kind: 'planned'; units: number }
  /** Reported with --explain: the changes since the unit's last result, as short clauses. */
  | { kind: 'unit-missed'; unit: string; reasons: readonly string[] }
  | { kind: 'unit-started'; unit: string }
  /** The unit still runs, but its dependents can start (pipelining). */
  | { kind: 'unit-metadata-ready'; unit: string }
  /**
   * `durationMs`: time of the command, or of the look-up of a hit. `savedMs`: for a hit, the time that the
   * command took when it ran.
   */
  | { kind: 'unit-finished'; unit: string; outcome: 'hit' | 'built'; durationMs: number; savedMs?: number; key: Digest }
  /** Units below hits, which were not needed and not looked up. */
  | { kind: 'units-skipped'; units: number; savedMs: number }
  | { kind: 'unit-failed'; unit: string }
  /** A message of a compiler or build script, rendered and with the user's paths. */
  | { kind: 'diagnostic'; unit: string; text: string }
  /** A blob of the store did not match its digest. It was dropped and is a miss. */
  | { kind: 'repaired'; digest: Digest }
  /** Something the user should know, in one sentence. */
  | { kind: 'note'; text: string }
  /** A note about the user's security. It is printed even with --quiet. */
  | { kind: 'warning'; text: string }
  /** Lines of a machine's serial console as they arrive (cleaned). */
  | { kind: 'console'; line: string };

export type Report = (event: Event) => void;

/** The last parameter of functions with effects: how they are cancelled, and to which function they report. */
export interface Context {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Runs `work` as a phase: reports its start, its end and its duration. */
export async function phase<T>(name: string, report: Report, work: () => Promise<T>): Promise<T> {
  report({ kind: 'phase-started', phase: name });
  const startMs = performance.now();
  const result = await work();
  report({ kind: 'phase-finished', phase: name, durationMs: performance.now() - startMs });
  return result;
}

const bytesPerTurn = 8 * 1024 * 1024;

/**
 * Long work on blocks is done synchronously, because that is fastest. Returns a function that such work calls
 * after each part with the number of its bytes. Every 8 MiB it gives other work a turn, and throws the reason
 * if the work was cancelled.
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

/** The outcome of a task: its exit code (default 0), and the object that --json prints. */
export interface Outcome {
  readonly exitCode?: number;
  readonly json?: Json;
}
