// What the compiling tasks keep of a build while it runs and say of it afterwards: the summary, --timings FILE, the reasons of --explain.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Cache } from '../cache/cache.ts';
import { noteUsage } from '../cache/upkeep/usage.ts';
import type { Json } from '../core/digest.ts';
import { cannotBecause } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { plural } from '../core/sizes.ts';
import type { Compiled } from '../crates/compiled.ts';
import { summary } from './build-summary.ts';
import { watchCpu } from './timings-cpu.ts';
import { recordTimings } from './timings.ts';

export type BuildCounts = Pick<Compiled, 'units' | 'hits' | 'misses' | 'below' | 'remembered'>;

export interface BuildWatch {
  /** What the build reports to. */
  readonly report: Report;
  /** After a build that went well: says its summary, writes its timeline, notes in the cache what it had of it, gives what --json adds. */
  finish(title: string, counts: BuildCounts, of: { readonly cache: Cache; readonly name: string }): Promise<Record<string, Json>>;
  /** Ends the sampling; must be called however the build ended. */
  stop(): void;
}

/** What it needs of a task. */
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
