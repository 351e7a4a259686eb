// What a unit that was never timed probably costs, for the order of a first build. The person's own packages come last and are heavy, because
// what is generic in all the others is compiled in them: their source counts, and for a program the number of units that it is linked from.
// Packages of others differ by less, and their size says little of it: a constant keeps the order by the number of units behind, which is
// best where there are many cores.
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { isBuildScript, isScriptRun } from '../plan/unit-graph.ts';

/** Of any unit, and of a build script. */
const leastMs = 500;
/** Of a person's own source: the heaviest own libraries of seven programs took 23 to 231 ms for each thousand bytes, optimised. */
const msPerByte = 0.03;
/** Of a program, for each unit below it: 4 to 181 ms in the same seven. */
const msPerLinked = 50;

/** Milliseconds on one core. `linked`: of how many units it is linked, 0 for a library. */
export async function guessedMs({ unit, owner, place }: Pick<PlannedUnit, 'unit' | 'owner' | 'place'>, linked: number): Promise<number> {
  if (place.foreign || unit.isStd || isScriptRun(unit) || isBuildScript(unit)) return leastMs;
  const folder = dirname(unit.target.srcPath);
  // The package's own folder has much else below it: tests, perhaps what other builds have left.
  return leastMs + (await rustBytes(folder, folder !== owner.dir)) * msPerByte + linked * msPerLinked;
}

/** The size of all Rust sources in a folder; 0 where there is none. */
async function rustBytes(folder: string, recursive: boolean): Promise<number> {
  const entries = (await absentAsUndefined(readdir(folder, { recursive, withFileTypes: true }))) ?? [];
  const sources = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.rs'));
  const found = await Promise.all(sources.map(({ parentPath, name }) => absentAsUndefined(stat(join(parentPath, name)))));
  return found.reduce((sum, stats) => sum + (stats?.size ?? 0), 0);
}
