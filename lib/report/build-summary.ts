// The last words of a build: counts, what the cache saved, what was repaired, and what took longest.
import { formatMs, plural } from '../core/sizes.ts';
import { slowest } from './timings.ts';
import type { Timings } from './timings.ts';

interface Counts {
  readonly units: number;
  readonly hits: number;
  readonly misses: number;
}

/** Below this a saving is not worth a word. */
const leastSavedMs = 100;
const shownSlowest = 5;

/** "70 units: 65 hits, 5 built, in 12.3 s; the cache saved 45.1 s of compiling", then "slowest: ..." where something was built. */
export function summary({ units, hits, misses }: Counts, seconds: number, timings: Timings): readonly string[] {
  const parts = [`${plural(units, 'unit')}: ${plural(hits, 'hit')}, ${misses} built, in ${formatMs(seconds * 1000)}`];
  if (timings.savedMs >= leastSavedMs) parts.push(`the cache saved ${formatMs(timings.savedMs)} of compiling`);
  if (timings.repaired > 0) parts.push(`${plural(timings.repaired, 'damaged entry', 'damaged entries')} repaired`);
  const longest = slowest(timings, shownSlowest).map(({ unit, startMs, endMs }) => `${unit} ${formatMs(endMs - startMs)}`);
  return [parts.join('; '), ...(longest.length > 1 ? [`slowest: ${longest.join(', ')}`] : [])];
}
