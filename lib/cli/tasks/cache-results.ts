// What tasks/cache.ts knows of results: what their artifacts are for, and how some of them are compiled again.
import { filesOfResult, resultOf } from '../../actions/action.ts';
import type { ActionResult, FileArtifact } from '../../actions/action.ts';
import { openHistory } from '../../actions/explain/history.ts';
import { rebuild } from '../../actions/rebuild.ts';
import { requireSandbox } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { byCodeUnit, digestRecord } from '../../core/digest.ts';
import { plural } from '../../core/sizes.ts';
import type { Task } from '../task.ts';

/** What every artifact of a result is, by its digest. */
export async function artifactRoles(cache: Cache): Promise<ReadonlyMap<Digest, string>> {
  const roles = new Map<Digest, string>();
  for (const [, result] of await resultsOf(cache))
    for (const artifact of filesOfResult(result)) roles.set(artifact.digest, roleOf(artifact));
  return roles;
}

export function roleOf({ path, executable }: Pick<FileArtifact, 'path' | 'executable'>): string {
  if (/\.(?:rlib|a|so|dylib)$/.test(path)) return 'libraries';
  if (path.endsWith('.rmeta')) return 'metadata';
  return executable && !path.endsWith('.d') ? 'programs' : 'other artifacts';
}

async function resultsOf(cache: Cache): Promise<readonly (readonly [Digest, ActionResult])[]> {
  const records = await cache.records('actions', (value): value is Json => resultOf(value) !== undefined);
  const keys = [...(await records.keys())].sort(byCodeUnit);
  const rows = await Promise.all(keys.map(async (key) => [key, resultOf((await records.get(key)) ?? null)] as const));
  return rows.flatMap(([key, result]) => (result ? [[key, result] as const] : []));
}

/** Compiles `wanted` results again, chosen by the seed; those that cannot be carried out as they were are passed over. */
export async function rebuildSome(wanted: number, task: Task, cache: Cache): Promise<{ readonly differs: boolean; readonly json: Json }> {
  const { args, host, print, report, signal } = task;
  const seed = args.text('seed') ?? String(performance.timeOrigin);
  const sandbox = await requireSandbox(!args.has('no-sandbox'), host.env['PATH'] ?? '', signal);
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
  print(
    `${plural(rows.length, 'result')} compiled again, seed ${seed}: ${same} the same, ${rows.length - same} not (${skipped} could not be repeated)`,
  );
  return { differs: same < rows.length, json: { seed, same, skipped, results: rows } };
}
