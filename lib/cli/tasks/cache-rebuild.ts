// Compiles results in the cache again and compares them. This part of tasks/cache.ts needs the sandbox.
import { openHistory } from '../../actions/explain/history.ts';
import { rebuild } from '../../actions/rebuild.ts';
import { requireSandbox } from '../../actions/sandbox/sandbox.ts';
import { withDigests } from '../../cache/cache.ts';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import type { Json } from '../../core/digest.ts';
import { byCodeUnit, digestRecord } from '../../core/digest.ts';
import { plural } from '../../core/sizes.ts';
import type { Task } from '../task.ts';
import { resultsOf } from './cache-results.ts';
import { pathOf } from '../../core/paths.ts';

/** Compiles `wanted` results again, which the seed chooses. Results whose action cannot be repeated are skipped. */
export async function rebuildSome(
  wanted: number,
  task: Task,
  folder: CacheFolder,
): Promise<{ readonly differs: boolean; readonly json: Json }> {
  const { args, host, print, report, signal } = task;
  const seed = args.text('seed') ?? String(Math.trunc(performance.timeOrigin));
  const sandbox = await requireSandbox(!args.has('no-sandbox'), pathOf(host.env), signal);
  const cache = withDigests(folder);
  const history = await openHistory(cache);
  const lot = new Map((await resultsOf(cache)).map(([key, result]) => [digestRecord([seed, key]), [key, result] as const]));
  const rows: Json[] = [];
  let [same, skipped] = [0, 0];
  for (const draw of [...lot.keys()].sort(byCodeUnit)) {
    const [key, result] = lot.get(draw) ?? [];
    const origin = key && (await history.origin(key));
    if (!key || !result || !origin) continue;
    if (rows.length >= wanted) break;
    const outcome = await rebuild(origin, result, sandbox, cache, task);
    report({ kind: 'progress', phase: 'rebuilding', done: rows.length, total: wanted });
    if (outcome.kind === 'skipped') {
      skipped++;
      continue;
    }
    if (outcome.kind === 'same') same++;
    else
      print(
        `${outcome.kind} ${origin.label} ${key.slice(0, 16)}: ${outcome.kind === 'differs' ? outcome.differing.join(', ') : outcome.stderr}`,
      );
    rows.push({ unit: origin.label, key, outcome: outcome.kind, differing: outcome.kind === 'differs' ? [...outcome.differing] : [] });
  }
  await cache.digests.save();
  print(
    `${plural(rows.length, 'result')} compiled again, seed ${seed}: ${same} the same, ${rows.length - same} not (${skipped} could not be repeated)`,
  );
  return { differs: same < rows.length, json: { seed, same, skipped, results: rows } };
}
