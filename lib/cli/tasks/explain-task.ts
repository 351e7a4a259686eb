// The steps of tasks/explain.ts: finds units by name, and prints the inputs of their last results and the
// differences from earlier ones.
import { resultOf } from '../../actions/action.ts';
import type { ActionRecord, ActionResult, Artifact } from '../../actions/action.ts';
import { differences, reasonsOf } from '../../actions/explain/differences.ts';
import { openHistory } from '../../actions/explain/history.ts';
import type { History, Origin } from '../../actions/explain/history.ts';
import { openCacheFolder } from '../../cache/cache-folder.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, nearest } from '../../core/errors.ts';
import { formatBytes, formatMs } from '../../core/sizes.ts';
import { existingCacheDir } from '../flags/cache-flag.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

/** The last result of a unit, with the reasons why it was built. */
export interface Explained {
  readonly label: string;
  readonly key: Digest;
  readonly origin: Origin;
  readonly result: ActionResult | undefined;
  readonly reasons: readonly string[];
}

/** The units of which a cache has results. */
export interface Results {
  readonly history: History;
  /** Undefined if the result is no longer in the cache. */
  result(key: Digest): Promise<ActionResult | undefined>;
}

/** Opens the results of the cache, and closes them however the work ends. */
export async function withResults(task: Task, work: (results: Results) => Promise<Outcome>): Promise<Outcome> {
  const cache = await openCacheFolder(await existingCacheDir(task), process.pid, task.report);
  try {
    const records = await cache.records('actions', (value): value is Json => resultOf(value) !== undefined);
    return await work({
      history: await openHistory(cache),
      result: async (key) => resultOf((await records.get(key)) ?? null),
    });
  } finally {
    await cache.close();
  }
}

/**
 * Returns the unit of that name, or all units of the package. A name without a result is a Failure (usage)
 * with a suggestion.
 */
export async function findUnits(wanted: string, results: Results): Promise<readonly Explained[]> {
  const all = await results.history.labels();
  const found = await Promise.all(matching(wanted, all).map((label) => explained(label, results)));
  const units = found.flatMap((unit) => unit ?? []);
  if (units.length === 0) throw unknown(wanted, all);
  return units;
}

/** Prints the whole record of one unit, or two lines for each of several. Returns the object of --json. */
export function printUnits({ print }: Task, units: readonly Explained[]): Outcome {
  const [first] = units;
  for (const line of first && units.length === 1 ? pageOf(first) : units.flatMap(headOf)) print(line);
  return { json: { units: units.map(jsonOf) } };
}

/** Returns the unit with exactly that label, else all units of that package, or of that package and version. */
export function matching(wanted: string, labels: readonly string[]): readonly string[] {
  if (labels.includes(wanted)) return [wanted];
  return labels.filter((label) => label.startsWith(`${wanted} `));
}

function unknown(wanted: string, labels: readonly string[]): Error {
  const near = nearest(wanted, [...new Set(labels.flatMap((label) => [label.split(' ')[0] ?? '', label]))]);
  const hint =
    labels.length === 0 ? 'nothing was built with this cache yet' : 'a unit is named as the build names it: "serde 1.0.2", or "serde"';
  return cannot(`explain "${wanted}"`, 'the cache has no result of such a unit', {
    blame: 'usage',
    hint: near ? `did you mean "${near}"?` : hint,
  });
}

async function explained(label: string, { history, result }: Results): Promise<Explained | undefined> {
  const [key, ...earlier] = await history.keysOf(label);
  const origin = key && (await history.origin(key));
  if (!key || !origin) return undefined;
  const before = (await Promise.all(earlier.map((other) => history.origin(other)))).flatMap((one) => one ?? []);
  const found = before.map(({ record }) => differences(record, origin.record)).sort((a, b) => a.length - b.length);
  return { label, key, origin, result: await result(key), reasons: found[0] ? reasonsOf(found[0]) : ['first time'] };
}

function headOf({ label, key, result, reasons }: Explained): readonly string[] {
  const took = result ? `took ${formatMs(result.durationMs)}` : 'no longer in the cache';
  return [`${label}  ${key.slice(0, 16)}  ${took}`, `  ${reasons.join('; ')}`];
}

/**
 * Returns the whole record, one item per line. The record contains places, and the mounts have their paths on
 * this host.
 */
function pageOf({ label, key, origin, result, reasons }: Explained): readonly string[] {
  const { record, mounts } = origin;
  const table = (title: string, rows: Readonly<Record<string, string | null>>): readonly string[] => {
    const names = Object.keys(rows).sort(byCodeUnit);
    return names.length === 0 ? [] : ['', title, ...names.map((name) => `  ${name}  ${rows[name] ?? 'absent'}`)];
  };
  const artifacts = Object.fromEntries((result?.artifacts ?? []).map((artifact) => [artifact.path, artifactWords(artifact)]));
  return [
    label,
    `  key      ${key}`,
    `  made     ${result ? `in ${formatMs(result.durationMs)}` : 'but its result is no longer in the cache'}, sandbox: ${record.sandbox}`,
    `  because  ${reasons.join('; ')}`,
    '',
    `command, in ${record.cwd}`,
    ...commandLines(record),
    ...table('environment', record.env),
    ...table('tools', record.tools),
    ...table('source trees', record.trees),
    ...table('source files', record.files),
    ...table('artifacts of other units', record.inputs),
    ...table('folders, links and copies of other units', record.layout ?? {}),
    ...table('artifacts', artifacts),
    ...table('places on this host', mounts),
  ];
}

function artifactWords(artifact: Artifact): string {
  if (artifact.kind === 'file') return `${artifact.digest}  ${formatBytes(artifact.sizeBytes)}`;
  return artifact.kind === 'link' ? `link to ${artifact.target}` : 'empty folder';
}

/** Returns one line for each option with its value. */
function commandLines({ argv }: ActionRecord): readonly string[] {
  const lines: string[] = [];
  for (const word of argv) {
    const last = lines.at(-1);
    if (last !== undefined && /^ {4}-[^ =]*$/.test(last) && !word.startsWith('-')) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? `  ${word}` : `    ${word}`);
  }
  return lines;
}

function jsonOf({ label, key, origin, result, reasons }: Explained): Json {
  const { record, mounts } = origin;
  const artifacts = result?.artifacts.map((artifact): Json => ({ ...artifact })) ?? null;
  return {
    unit: label,
    key,
    reasons: [...reasons],
    record: { ...record },
    mounts: { ...mounts },
    artifacts,
    durationMs: result?.durationMs ?? null,
  };
}
