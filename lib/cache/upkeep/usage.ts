// Records how much builds saved through the cache: `usage.log` in the cache has one line for each build, and
// `cache.ts stats` adds them up. Each line is appended in one write. These are only statistics: a line that
// cannot be read is ignored, and a line that another build appends while a long file is being summed up may
// be lost.
import { appendFile, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';
import { MiB } from '../../core/sizes.ts';
import type { CacheFolder } from '../cache-folder.ts';

/** Numbers of units of a build: built, or hits by how they were found. */
export interface Usage {
  readonly builds: number;
  readonly built: number;
  /** Hits that were looked up by their keys. */
  readonly lookedUp: number;
  /** Units below a hit, which were not looked up. */
  readonly below: number;
  /** Units of builds that were memoized as a whole. */
  readonly remembered: number;
  /** Sum of the compile times of the hits when they were built. */
  readonly savedSeconds: number;
}

const none: Usage = { builds: 0, built: 0, lookedUp: 0, below: 0, remembered: 0, savedSeconds: 0 };
const fields = Object.keys(none) as readonly (keyof Usage)[];
/** Size in bytes at which the file is summed up into one line for each name. */
const longestLog = MiB;

function logOf(root: string): string {
  return join(root, 'usage.log');
}

/** Appends a line. `name` is the system or project that was built. */
export async function noteUsage({ root, tmpDir }: Pick<CacheFolder, 'root' | 'tmpDir'>, name: string, usage: Usage): Promise<void> {
  const file = logOf(root);
  await appendFile(file, lineOf(name, usage));
  if ((await stat(file)).size < longestLog) return;
  const sums = [...(await readUsage(root))].map(([who, sum]) => lineOf(who, sum));
  const partial = join(tmpDir, 'usage.partial');
  await writeFile(partial, sums.join(''));
  await rename(partial, file);
}

/** Returns sums by name, in the order in which the names first occur. */
export async function readUsage(root: string): Promise<ReadonlyMap<string, Usage>> {
  const sums = new Map<string, Usage>();
  const text = (await absentAsUndefined(readFile(logOf(root), 'utf8'))) ?? '';
  for (const line of text.split('\n').slice(0, -1)) {
    const row = parsed(line);
    if (row) sums.set(row.name, added(sums.get(row.name) ?? none, row.usage));
  }
  return sums;
}

function lineOf(name: string, usage: Usage): string {
  return `${JSON.stringify([name, ...fields.map((field) => usage[field])])}\n`;
}

function parsed(line: string): { readonly name: string; readonly usage: Usage } | undefined {
  try {
    const row: unknown = JSON.parse(line);
    if (!Array.isArray(row)) return undefined;
    const [name, ...numbers]: readonly unknown[] = row;
    if (typeof name !== 'string' || numbers.length !== fields.length || !numbers.every((number) => typeof number === 'number'))
      return undefined;
    return { name, usage: usageOf((field) => Number(numbers[fields.indexOf(field)])) };
  } catch {
    return undefined;
  }
}

function added(a: Usage, b: Usage): Usage {
  return usageOf((field) => a[field] + b[field]);
}

function usageOf(count: (field: keyof Usage) => number): Usage {
  const [builds, built, lookedUp] = [count('builds'), count('built'), count('lookedUp')];
  return { builds, built, lookedUp, below: count('below'), remembered: count('remembered'), savedSeconds: count('savedSeconds') };
}
