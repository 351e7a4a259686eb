// The deep key of a unit is a digest of its sources and of the deep keys of its dependencies. It is known
// before any unit runs. A hit on the deep key of a program fetches the program without visiting its
// dependencies. The key of an action (lib/actions/action.ts) contains the bytes of its dependencies instead.
// It therefore avoids a rebuild if these bytes are unchanged. Both keys lead to the same result.
import { filesOfResult, isActionKey, resultOf } from '../../actions/action.ts';
import type { ActionKey, ActionRecord, ActionResult } from '../../actions/action.ts';
import { digestOfPlace } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Records } from '../../cache/records.ts';
import { byCodeUnit, digestRecord } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { sysrootDigest } from '../project.ts';
import type { Tools } from '../toolchain/identity.ts';
import { packageEnv, testEnv } from '../unit/env.ts';
import { places } from '../unit/places.ts';
import { pathsOfUnit, treesOf } from '../unit/source-view.ts';

export type DeepKey = Digest & { readonly __deepKey: true };

/** The source files of the user's own package from which a unit was compiled, as digests by their places. */
export type SourceFiles = Readonly<Record<string, Digest | null>>;

export interface DeepHit {
  readonly key: ActionKey;
  readonly result: ActionResult;
}

export interface DeepKeys {
  /**
   * Returns the keys of all units of a plan, in its order. Undefined for a unit that was never compiled from
   * the current sources.
   */
  ofPlan(units: readonly PlannedUnit[], tools: (unit: PlannedUnit) => Promise<Tools>): Promise<readonly (DeepKey | undefined)[]>;
  /** Returns the result for a key, if all its artifacts exist. */
  lookUp(key: DeepKey): Promise<DeepHit | undefined>;
  /** Stores a unit's result under its deep key. Returns the key. */
  remember(unit: PlannedUnit, tools: Tools, dependencies: readonly DeepKey[], files: SourceFiles, key: ActionKey): Promise<DeepKey>;
}

/**
 * Limit of lists of source files that are stored for one unit. Branches that add or remove modules have
 * different lists.
 */
const rememberedLists = 8;

export async function openDeepKeys(cache: Cache, sandbox: ActionRecord['sandbox']): Promise<DeepKeys> {
  const pointers = await cache.records<ActionKey>('deep', isActionKey);
  const lists: Records<Json> = await cache.records('deep-files', (value): value is Json => Array.isArray(value));
  const actions: Records<Json> = await cache.records('actions', (value): value is Json => resultOf(value) !== undefined);

  const statics = (unit: PlannedUnit, tools: Tools): Promise<Digest> => staticsOf(unit, tools, cache, sandbox);
  const keyOf = (unit: Digest, dependencies: readonly DeepKey[], files: SourceFiles): DeepKey =>
    digestRecord({ unit, dependencies, files: { ...files } }) as DeepKey;
  const listsOf = async (unit: Digest): Promise<readonly (readonly string[])[]> => {
    const stored = await lists.get(unit);
    return Array.isArray(stored) ? stored.map((list: Json) => (Array.isArray(list) ? list.map(String) : [])) : [];
  };
  const digestsOf = async (unit: PlannedUnit, places: readonly string[]): Promise<SourceFiles> => {
    const mounts = pathsOfUnit(unit);
    return Object.fromEntries(await Promise.all(places.map(async (place) => [place, await digestOfPlace(place, mounts, cache)] as const)));
  };

  return {
    async ofPlan(units, toolsOf) {
      // in a new cache, compilation need not wait until all sources are read
      if (!(await pointers.any())) return units.map(() => undefined);
      cache.digests.expect(units.flatMap(({ place }) => (place.immutable && place.mount !== places.library ? [place.hostDir] : [])));
      const keys: (DeepKey | undefined)[] = [];
      for (const unit of units) {
        const dependencies = unit.dependencies.map(({ index }) => keys[index]);
        keys.push(dependencies.every((key) => key !== undefined) ? await present(unit, await toolsOf(unit), dependencies) : undefined);
      }
      return keys;
    },
    async lookUp(deepKey) {
      const key = await pointers.get(deepKey);
      const result = key && resultOf((await actions.get(key)) ?? null);
      if (!key || !result) return undefined;
      const there = await Promise.all(filesOfResult(result).map(({ digest }) => cache.content.has(digest)));
      return there.every(Boolean) ? { key, result } : undefined;
    },
    async remember(unit, tools, dependencies, files, key) {
      const own = await statics(unit, tools);
      const deepKey = keyOf(own, dependencies, files);
      if ((await pointers.get(deepKey)) !== key) await pointers.put(deepKey, key);
      if (!unit.place.immutable) {
        const places = Object.keys(files).sort(byCodeUnit);
        const known = await listsOf(own);
        if (JSON.stringify(known[0]) !== JSON.stringify(places)) {
          const others = known.filter((list) => JSON.stringify(list) !== JSON.stringify(places));
          await lists.put(own, [places, ...others].slice(0, rememberedLists));
        }
      }
      return deepKey;
    },
  };

  /**
   * Returns the key for the current sources. Of the stored lists of source files of the unit, the one that
   * leads to a result is used.
   */
  async function present(unit: PlannedUnit, tools: Tools, dependencies: readonly DeepKey[]): Promise<DeepKey | undefined> {
    const own = await statics(unit, tools);
    if (unit.place.immutable) return keyOf(own, dependencies, {});
    for (const places of await listsOf(own)) {
      const key = keyOf(own, dependencies, await digestsOf(unit, places));
      if (await pointers.get(key)) return key;
    }
    return undefined;
  }
}

/** Returns a digest of a unit without its own source files and its dependencies. */
async function staticsOf(unit: PlannedUnit, tools: Tools, cache: Cache, sandbox: ActionRecord['sandbox']): Promise<Digest> {
  const { hash, owner, place, declaredEnv, configEnv, primary, profileName, targetFile, checkout, granted, sysroot } = unit;
  return digestRecord({
    format: 3,
    hash,
    // The variables are not merged. The action decides which of two values of one name is used, and a change
    // of either must change the key.
    env: [{ ...configEnv }, packageEnv(owner, place), { ...declaredEnv }],
    tests: { ...testEnv(unit, unit.triple) },
    scripts: [owner.links ?? null, owner.hasLibrary, profileName, primary],
    place: [place.mount, place.dir, place.cwd],
    tools: Object.fromEntries(Object.entries(tools).filter(([, digest]) => digest !== undefined)),
    trees: await treesOf(unit, cache),
    target: targetFile?.digest ?? null,
    granted: granted ? { network: granted.network, paths: { ...granted.paths } } : null,
    sandbox,
    ...(sysroot ? { sysroot: sysrootDigest(sysroot) } : {}),
    ...(checkout ? { checkout: checkout.id } : {}),
  });
}

/**
 * Whether all units that were compiled in this build still have the same sources. Reads these, so that they
 * are recorded as observations.
 */
export async function sameSources(made: ReadonlyMap<PlannedUnit, SourceFiles | undefined>, cache: Cache): Promise<boolean> {
  for (const [unit, files] of made) {
    if (!files) return false; // they changed during the compilation
    const mounts = pathsOfUnit(unit);
    for (const [place, digest] of Object.entries(files)) if ((await digestOfPlace(place, mounts, cache)) !== digest) return false;
  }
  return true;
}
