// What a person lets one package do beyond the sandbox (--allow NAME=net|path): the network for its build script, a path of the host,
// read-only, for its script and its compilation. Both are part of the action record. Does not know how the sandbox grants it.
import { stat } from 'node:fs/promises';
import { allOf } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot, nearest } from '../../core/errors.ts';
import type { Granted, PlannedUnit } from '../plan/planned-unit.ts';

export interface Allowance {
  readonly network: boolean;
  /** Absolute paths of the host. */
  readonly paths: readonly string[];
}

/** Name of a package -> what it may. */
export type Allowances = Readonly<Record<string, Allowance>>;

const usage = { blame: 'usage', hint: 'write --allow NAME=net or --allow NAME=PATH' } as const;

/** Reads the words of --allow. `absolute` makes a path absolute; a folder that is called "net" is written "./net". */
export function parseAllowances(words: readonly string[], absolute: (path: string) => string): Allowances {
  const allowances: Record<string, Allowance> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const [name, what] = [word.slice(0, at), word.slice(at + 1)];
    if (at < 1 || what === '') throw cannot(`allow "${word}"`, 'it does not say to which package what is allowed', usage);
    const { network, paths } = allowances[name] ?? { network: false, paths: [] };
    allowances[name] = what === 'net' ? { network: true, paths } : { network, paths: [...paths, absolute(what)] };
  }
  return allowances;
}

/**
 * Hands every unit of a named package what it is allowed. A package that is not in the build, or a path that leads nowhere, is a usage
 * error: what is allowed in vain is a mistake.
 */
export async function grant(units: readonly PlannedUnit[], allowances: Allowances, cache: Cache): Promise<readonly PlannedUnit[]> {
  const { digestOfPlace } = await import('../../actions/place.ts'); // reading the words of --allow does without it
  const packages = [...new Set(units.map(({ owner }) => owner.name))];
  const granted = new Map<string, Granted>();
  for (const [name, { network, paths }] of Object.entries(allowances)) {
    if (!packages.includes(name)) {
      const meant = nearest(name, packages);
      const hint = meant === undefined ? 'the names are those of the Cargo.toml files' : `did you mean "${meant}"?`;
      throw cannot(`allow "${name}" anything`, 'there is no package of that name in this build', { blame: 'usage', hint });
    }
    const digests: Record<string, Digest | null> = {};
    for (const path of paths) {
      if (!(await absentAsUndefined(stat(path)))) throw cannot(`allow "${path}" to ${name}`, 'it does not exist', { blame: 'usage' });
      digests[path] = await digestOfPlace(allOf(path), {}, cache);
    }
    granted.set(name, { network, paths: digests });
  }
  if (granted.size === 0) return units;
  return units.map((unit) => {
    const own = granted.get(unit.owner.name);
    return own ? { ...unit, granted: own } : unit;
  });
}
