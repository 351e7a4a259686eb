// Records what a build did and when, from its events: the start and end of units, hits and repaired blobs.
// Passes every event on. This module knows neither the presentation nor the source of the events.
import { readFile } from 'node:fs/promises';
import type { Report } from '../core/events.ts';

/** A unit that was built. Times are milliseconds since the start of the build. */
export interface TimedUnit {
  readonly unit: string;
  readonly startMs: number;
  readonly endMs: number;
  /**
   * Time at which its metadata was available, so that its dependents could start. Undefined if no dependent
   * could start before its end.
   */
  readonly metadataMs: number | undefined;
}

/** Share of busy processors, 0 to 1, at a time since the start of the build. */
export interface CpuSample {
  readonly atMs: number;
  readonly busy: number;
}

export interface Timings {
  readonly totalMs: number;
  /** Sorted by start. */
  readonly built: readonly TimedUnit[];
  /** Number of units that were hits, or below a hit and not looked up. */
  readonly hits: number;
  /** Time that the hits once took to build, minus the time of their look-ups. */
  readonly savedMs: number;
  readonly repaired: number;
  readonly missed: readonly { readonly unit: string; readonly reasons: readonly string[] }[];
  readonly cpu: readonly CpuSample[];
}

export interface Recorder {
  readonly report: Report;
  /** Returns the timings so far. */
  timings(): Timings;
}

/**
 * Records events on their way to `report`. `now` is a monotonic clock in milliseconds. `cpu` returns the
 * samples taken so far.
 */
export function recordTimings(report: Report, now: () => number, cpu: () => readonly CpuSample[] = () => []): Recorder {
  const beganMs = now();
  // Two units may have the same label (one for the host, one for the target). The one that began first is
  // taken as the one that ends first.
  const running = new Map<string, { startMs: number; metadataMs: number | undefined }[]>();
  const built: TimedUnit[] = [];
  let hits = 0;
  const missed: { unit: string; reasons: readonly string[] }[] = [];
  let savedMs = 0;
  let repaired = 0;

  return {
    report: (event) => {
      const atMs = now() - beganMs;
      switch (event.kind) {
        case 'unit-started':
          running.set(event.unit, [...(running.get(event.unit) ?? []), { startMs: atMs, metadataMs: undefined }]);
          break;
        case 'unit-metadata-ready': {
          const first = running.get(event.unit)?.find(({ metadataMs }) => metadataMs === undefined);
          if (first) first.metadataMs = atMs;
          break;
        }
        case 'unit-finished':
          if (event.outcome === 'hit') {
            hits++;
            savedMs += (event.savedMs ?? 0) - event.durationMs;
          } else {
            const { startMs, metadataMs } = running.get(event.unit)?.shift() ?? { startMs: atMs - event.durationMs, metadataMs: undefined };
            built.push({ unit: event.unit, startMs, endMs: atMs, metadataMs });
          }
          break;
        case 'units-skipped':
          hits += event.units;
          savedMs += event.savedMs;
          break;
        case 'unit-missed':
          missed.push({ unit: event.unit, reasons: event.reasons });
          break;
        case 'repaired':
          repaired++;
          break;
      }
      report(event);
    },
    timings: () => ({
      totalMs: now() - beganMs,
      built: [...built].sort((a, b) => a.startMs - b.startMs),
      hits,
      savedMs: Math.max(0, savedMs),
      repaired,
      missed,
      cpu: cpu(),
    }),
  };
}

/** Returns the built units that took longest, the longest first. */
export function slowest({ built }: Timings, count: number): readonly TimedUnit[] {
  return [...built].sort((a, b) => b.endMs - b.startMs - (a.endMs - a.startMs)).slice(0, count);
}

/** Returns the number of running units, as the times at which it changes. */
export function concurrency(built: readonly TimedUnit[]): readonly { readonly atMs: number; readonly running: number }[] {
  const steps = built.flatMap(({ startMs, endMs }) => [
    { atMs: startMs, by: 1 },
    { atMs: endMs, by: -1 },
  ]);
  let running = 0;
  return steps.sort((a, b) => a.atMs - b.atMs || a.by - b.by).map(({ atMs, by }) => ({ atMs, running: (running += by) }));
}

export interface CpuWatch {
  readonly samples: () => readonly CpuSample[];
  readonly stop: () => void;
}

const everyMs = 250;

/** Starts sampling. Times count from now. Without /proc there are no samples. */
export function watchCpu(now: () => number): CpuWatch {
  const beganMs = now();
  const samples: CpuSample[] = [];
  let before: CpuTicks | undefined;
  const sample = async (): Promise<void> => {
    const ticks = cpuTicks(await readFile('/proc/stat', 'utf8').catch(() => ''));
    if (ticks && before && ticks.total > before.total) {
      samples.push({ atMs: now() - beganMs, busy: (ticks.busy - before.busy) / (ticks.total - before.total) });
    }
    before = ticks;
  };
  const timer = setInterval(() => void sample(), everyMs);
  timer.unref();
  void sample();
  return { samples: () => samples, stop: () => clearInterval(timer) };
}

interface CpuTicks {
  readonly busy: number;
  readonly total: number;
}

/**
 * Returns the ticks of all processors together since the machine started. The fourth and fifth figures are
 * idle time and waiting for disks.
 */
export function cpuTicks(text: string): CpuTicks | undefined {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  const ticks = line.split(/ +/).slice(0, 8).map(Number); // the time of guests is included in that of users
  const total = ticks.reduce((sum, figure) => sum + figure, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}
