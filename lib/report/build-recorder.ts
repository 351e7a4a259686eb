// Records data during a build for the compiling tasks and prints it afterwards: the summary, --timings FILE,
// the reasons of --explain, and the cost of the process and its children.
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Cache } from '../cache/cache.ts';
import { noteUsage } from '../cache/upkeep/usage.ts';
import type { Json } from '../core/digest.ts';
import { cannotBecause } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { formatMs, KiB, plural } from '../core/sizes.ts';
import type { Compiled } from '../crates/compiled.ts';
import { recordTimings, slowest, watchCpu } from './timings.ts';
import type { Timings } from './timings.ts';

export type BuildCounts = Pick<Compiled, 'units' | 'hits' | 'misses' | 'below' | 'remembered'>;

export interface BuildWatch {
  /** The function for the build's events. */
  readonly report: Report;
  /**
   * After a successful build: prints its summary, writes its timeline, adds its use of the cache to the
   * statistics. Returns the fields for --json.
   */
  finish(title: string, counts: BuildCounts, of: { readonly cache: Cache; readonly name: string }): Promise<Record<string, Json>>;
  /** Ends the sampling. It must be called however the build ended. */
  stop(): void;
}

/** The part of a task that is needed here. */
interface WatchedTask {
  readonly args: { readonly text: (flag: string) => string | undefined; readonly has: (flag: string) => boolean };
  readonly report: Report;
  readonly path: (text: string) => string;
}

export function watchBuild({ args, report, path }: WatchedTask): BuildWatch {
  const now = (): number => performance.now();
  const file = args.text('timings');
  const cpu = file === undefined ? undefined : watchCpu(now);
  const recorder = recordTimings(report, now, cpu?.samples);
  return {
    report: recorder.report,
    async finish(title, counts, { cache, name }) {
      const timings = recorder.timings();
      const { hits, misses, below, remembered } = counts;
      const usage = { builds: 1, built: misses, lookedUp: hits - below - remembered, below, remembered };
      await noteUsage(cache, name, { ...usage, savedSeconds: Math.round(timings.savedMs) / 1000 });
      if (!args.has('quiet')) for (const text of summary(counts, timings.totalMs / 1000, timings)) report({ kind: 'note', text });
      if (file !== undefined) {
        const { timingsPage } = await import('./timings-page.ts'); // few builds draw one
        const page = timingsPage(
          timings,
          `Building ${title}`,
          `${plural(counts.units, 'unit')} on ${plural(availableParallelism(), 'processor')}`,
        );
        await writeFile(path(file), page).catch((error: unknown) => {
          throw cannotBecause(`write the timeline "${file}"`, error, 'choose another file with --timings FILE');
        });
      }
      const missed = timings.missed.map(({ unit, reasons }): Json => ({ unit, reasons: [...reasons] }));
      return {
        savedSeconds: Math.round(timings.savedMs / 10) / 100,
        repaired: timings.repaired,
        ...(args.has('explain') ? { missed } : {}),
      };
    },
    stop: () => cpu?.stop(),
  };
}

interface Counts {
  readonly units: number;
  readonly hits: number;
  readonly misses: number;
}

/** A smaller saving is not reported, in milliseconds. */
const leastSavedMs = 100;
const shownSlowest = 5;

/**
 * Returns "70 units: 65 hits, 5 built, in 12.3 s; the cache saved 45.1 s of compiling", and "slowest: ..." if
 * a unit was built.
 */
export function summary({ units, hits, misses }: Counts, seconds: number, timings: Timings): readonly string[] {
  const parts = [`${plural(units, 'unit')}: ${plural(hits, 'hit')}, ${misses} built, in ${formatMs(seconds * 1000)}`];
  if (timings.savedMs >= leastSavedMs) parts.push(`the cache saved ${formatMs(timings.savedMs)} of compiling`);
  if (timings.repaired > 0) parts.push(`${plural(timings.repaired, 'damaged entry', 'damaged entries')} repaired`);
  const longest = slowest(timings, shownSlowest).map(({ unit, startMs, endMs }) => `${unit} ${formatMs(endMs - startMs)}`);
  return [parts.join('; '), ...(longest.length > 1 ? [`slowest: ${longest.join(', ')}`] : [])];
}

export interface ProcessCost {
  /**
   * CPU time of children that have ended, and of their children: compilers, linkers, scripts. In steps of 10
   * ms.
   */
  readonly childCpuSeconds: number;
  /** CPU time of this process alone, from its start. */
  readonly ownCpuSeconds: number;
  /** Peak of the resident memory of this process alone. */
  readonly peakBytes: number;
}

export async function processCost(): Promise<ProcessCost> {
  const { user, system } = process.cpuUsage();
  // proc(5): cutime and cstime in hundredths of a second; the name in parentheses may have spaces.
  const text = await readFile('/proc/self/stat', 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const childCpuSeconds = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / 100;
  return { childCpuSeconds, ownCpuSeconds: (user + system) / 1e6, peakBytes: process.resourceUsage().maxRSS * KiB };
}
