// How busy the machine's processors are over time, as the kernel counts it (/proc/stat, proc(5)). Samples until it is stopped.
import { readFile } from 'node:fs/promises';
import type { CpuSample } from './timings.ts';

export interface CpuWatch {
  readonly samples: () => readonly CpuSample[];
  readonly stop: () => void;
}

const everyMs = 250;

/** Starts sampling; times count from now. Where there is no /proc there are no samples. */
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

/** Of all processors together, since the machine started. The fourth and fifth figure are idle time and waiting for disks. */
export function cpuTicks(text: string): CpuTicks | undefined {
  const line = /^cpu +(.*)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  const ticks = line.split(/ +/).slice(0, 8).map(Number); // guests' time is in the users' already
  const total = ticks.reduce((sum, figure) => sum + figure, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}
