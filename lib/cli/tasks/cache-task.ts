// The work of tasks/cache.ts: one verb on the cache directory. Knows the meaning of each kind of record,
// which lib/cache does not know.
import { filesOfResult, resultOf } from '../../actions/action.ts';
import { historyKind, historyOf, originOf, originsKind } from '../../actions/explain/history.ts';
import { openCacheFolder } from '../../cache/cache-folder.ts';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import { collectGarbage } from '../../cache/upkeep/gc.ts';
import { inventory } from '../../cache/upkeep/inventory.ts';
import { statsOf } from '../../cache/upkeep/stats.ts';
import type { Share } from '../../cache/upkeep/stats.ts';
import { readUsage } from '../../cache/upkeep/usage.ts';
import { removeDamage, verifyCache } from '../../cache/upkeep/verify.ts';
import type { RecordShape } from '../../cache/upkeep/verify.ts';
import type { Json } from '../../core/digest.ts';
import { cannot, exitCodes } from '../../core/errors.ts';
import { formatBytes, formatMs, plural } from '../../core/sizes.ts';
import { parseAge, parseSize } from '../command-line.ts';
import type { Flag } from '../command-line.ts';
import { optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';
import { artifactRoles } from './cache-results.ts';
import { existingCacheDir } from '../flags/cache-flag.ts';
import type { Outcome } from '../../core/events.ts';

export const cacheFlags = {
  cache: { type: 'string', value: 'DIR', help: 'the cache directory (default BLOOMERY_CACHE, or ~/.cache/bloomery)' },
  'max-size': { type: 'string', value: 'SIZE', help: 'gc: keep at most this size (500MiB, 20GiB) of the most recently used data' },
  'older-than': { type: 'string', value: 'AGE', help: 'gc: remove data that was not used for this time (30d, 12h)' },
  'dry-run': { type: 'boolean', help: 'gc: print what would be removed, and remove nothing' },
  repair: { type: 'boolean', help: 'verify: remove damaged data, which is a miss afterwards' },
  rebuild: { type: 'string', value: 'N', help: 'verify: compile N random results again and compare' },
  seed: { type: 'string', value: 'TEXT', help: 'verify: chooses the results for --rebuild (default: different ones each time)' },
  'no-sandbox': { type: 'boolean', help: 'verify --rebuild: compile results that were built without bubblewrap' },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

const verbs: Readonly<Record<string, (task: Task, cache: CacheFolder) => Promise<Outcome>>> = { stats, verify, gc };
const verbFlags: Readonly<Record<string, readonly string[]>> = {
  stats: [],
  verify: ['repair', 'rebuild', 'seed', 'no-sandbox'],
  gc: ['max-size', 'older-than', 'dry-run'],
};

export async function manageCache(task: Task): Promise<Outcome> {
  const { args, report } = task;
  const [verb = ''] = args.words;
  const work = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  const hint = 'see npx zx tasks/cache.ts --help';
  if (!work) throw cannot(`do "${verb}" with the cache`, `the verbs are ${Object.keys(verbs).join(', ')}`, { blame: 'usage', hint });
  const stray = strayFlag(verb, (flag) => args.has(flag) || args.text(flag) !== undefined);
  if (stray) throw cannot('read the command line', `--${stray.flag} belongs to ${stray.verb}`, { blame: 'usage', hint });
  gcRequest(task); // errors of the command line are reported before the cache is opened
  args.count('rebuild', 1);
  const cache = await openCacheFolder(await existingCacheDir(task), process.pid, report);
  try {
    return await work(task, cache);
  } finally {
    await cache.close();
  }
}

/** Returns a given flag that belongs to another verb. */
export function strayFlag(verb: string, given: (flag: string) => boolean): { readonly flag: string; readonly verb: string } | undefined {
  for (const [owner, flags] of Object.entries(verbFlags)) {
    const flag = owner === verb ? undefined : flags.find(given);
    if (flag) return { flag, verb: owner };
  }
  return undefined;
}

async function stats({ print }: Task, cache: CacheFolder): Promise<Outcome> {
  const found = statsOf(await inventory(cache), await artifactRoles(cache));
  const share = ({ count, bytes }: Share): string => `${formatBytes(bytes).padStart(9)}  ${count}`;
  print(`${formatBytes(found.bytes).padStart(9)}  in ${cache.root}`);
  print(`${share(found.blobs)} blobs`);
  for (const [role, its] of Object.entries(found.roles)) print(`  ${share(its)} ${role}`);
  print(`${share(found.records)} records`);
  for (const [kind, its] of Object.entries(found.recordKinds)) print(`  ${share(its)} ${kind}`);
  if (found.unfinished.count > 0) print(`${share(found.unfinished)} running`);
  print(`${formatBytes(found.otherBytes).padStart(9)}  other: memories of this host, library sources`);
  const usage = await readUsage(cache.root);
  for (const [name, { builds, built, lookedUp, below, remembered, savedSeconds }] of usage) {
    const hits = `${lookedUp} hits looked up, ${below} below them, ${remembered} of remembered builds`;
    print(`${name}: ${plural(builds, 'build')}, ${plural(built, 'unit')} built, ${hits}; ${formatMs(savedSeconds * 1000)} saved`);
  }
  const json = (shares: Readonly<Record<string, Share>>): Json =>
    Object.fromEntries(Object.entries(shares).map(([name, its]) => [name, { ...its }]));
  const { bytes, otherBytes } = found;
  const totals = { blobs: { ...found.blobs }, records: { ...found.records }, unfinished: { ...found.unfinished } };
  return {
    json: {
      cache: cache.root,
      bytes,
      ...totals,
      roles: json(found.roles),
      recordKinds: json(found.recordKinds),
      otherBytes,
      usage: Object.fromEntries([...usage].map(([name, sums]) => [name, { ...sums }])),
    },
  };
}

/** The guard of each kind of record, and the blobs that a record needs. */
const shapes: Readonly<Record<string, RecordShape>> = {
  actions: (value) => {
    const result = resultOf(value);
    return result && filesOfResult(result).map(({ digest }) => digest);
  },
  [originsKind]: (value) => originOf(value) && [],
  [historyKind]: (value) => historyOf(value) && [],
};

async function verify(task: Task, cache: CacheFolder): Promise<Outcome> {
  const { args, print } = task;
  const { blobs, records, bytes, damage } = await verifyCache(cache, shapes, task);
  for (const { path, why } of damage) print(`damaged ${path}: ${why}`);
  if (args.has('repair')) await removeDamage(damage);
  const found = damage.length === 0 ? 'no damage' : `${plural(damage.length, 'damaged file')}${args.has('repair') ? ', removed' : ''}`;
  print(`${plural(blobs, 'blob')} and ${plural(records, 'record')} read (${formatBytes(bytes)}): ${found}`);
  const wanted = args.count('rebuild', 1);
  const rebuilt = wanted === undefined ? undefined : await rebuilding(wanted, task, cache);
  const json = {
    cache: cache.root,
    blobs,
    records,
    bytes,
    damage: damage.map((one) => ({ ...one })),
    ...(rebuilt ? { rebuilt: rebuilt.json } : {}),
  };
  return { exitCode: damage.length > 0 || rebuilt?.differs ? exitCodes.failed : exitCodes.done, json };
}

/** The exports of lib/cli/tasks/cache-rebuild.ts. */
interface Rebuilding {
  rebuildSome(wanted: number, task: Task, cache: CacheFolder): Promise<{ readonly differs: boolean; readonly json: Json }>;
}

async function rebuilding(...[wanted, task, cache]: Parameters<Rebuilding['rebuildSome']>): ReturnType<Rebuilding['rebuildSome']> {
  const { rebuildSome } = await optionalPart<Rebuilding>(repository, 'rebuild', 'compile results again', ['rebuildSome']);
  return await rebuildSome(wanted, task, cache);
}

async function gc(task: Task, cache: CacheFolder): Promise<Outcome> {
  const dryRun = task.args.has('dry-run');
  const kinds = { origins: [originsKind], lists: [historyKind] };
  const collected = await collectGarbage(cache, kinds, { ...gcRequest(task), dryRun }, task);
  const { records, blobs, freedBytes, keptBytes, running } = collected;
  task.print(`${dryRun ? 'would free' : 'freed'} ${formatBytes(freedBytes)}: ${plural(blobs, 'blob')}, ${plural(records, 'record')}`);
  task.print(`${dryRun ? 'would keep' : 'kept'} ${formatBytes(keptBytes)}`);
  if (running > 0) task.print(`${plural(running, 'process', 'processes')} now at work with the cache: what they may use stays`);
  return { json: { cache: cache.root, dryRun, ...collected } };
}

function gcRequest({ args }: Task): { readonly maxBytes: number | undefined; readonly olderThanMs: number | undefined } {
  const [size, age] = [args.text('max-size'), args.text('older-than')];
  return {
    maxBytes: size === undefined ? undefined : parseSize('max-size', size),
    olderThanMs: age === undefined ? undefined : parseAge('older-than', age),
  };
}
