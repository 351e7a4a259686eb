// The deep key of a unit: a digest over what it is made from, all the way down, known before anything runs. A hit on a program's deep key
// fetches that program and visits nothing below it. The key of an action (lib/actions/action.ts) takes the bytes of dependencies instead, and so
// stops a rebuild where they came out the same; both lead to the same result.
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

/** The source files of a person's own package that a unit was made from: place -> digest. */
export type SourceFiles = Readonly<Record<string, Digest | null>>;

export interface DeepHit {
  readonly key: ActionKey;
  readonly result: ActionResult;
}

export interface DeepKeys {
  /** The keys of all units of a plan, in its order; undefined where a unit was never made from sources as they are now. */
  ofPlan(units: readonly PlannedUnit[], tools: (unit: PlannedUnit) => Promise<Tools>): Promise<readonly (DeepKey | undefined)[]>;
  /** The result that a key leads to, if all its artifacts are there. */
  lookUp(key: DeepKey): Promise<DeepHit | undefined>;
  /** Remembers a unit's result under its deep key, which it gives back. */
  remember(unit: PlannedUnit, tools: Tools, dependencies: readonly DeepKey[], files: SourceFiles, key: ActionKey): Promise<DeepKey>;
}

/** How many different lists of source files are remembered for one unit: branches that add and remove modules. */
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
      if (!(await pointers.any())) return units.map(() => undefined); // a new cache: compilers need not wait until every source is read
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

  /** The key for the sources as they are now. Of the lists of files that a unit was ever made from, the one that leads to a result counts. */
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

/** What a unit is, apart from its own source files and its dependencies. */
async function staticsOf(unit: PlannedUnit, tools: Tools, cache: Cache, sandbox: ActionRecord['sandbox']): Promise<Digest> {
  const { hash, owner, place, declaredEnv, configEnv, primary, profileName, targetFile, checkout, granted, sysroot } = unit;
  return digestRecord({
    format: 3,
    hash,
    // Apart, not merged: which of two values of one name counts is the action's business, and a change of either must show.
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

/** Has everything that was made in this build the sources that it was made from still? Looks at them, so that they are among what was looked at. */
export async function sameSources(made: ReadonlyMap<PlannedUnit, SourceFiles | undefined>, cache: Cache): Promise<boolean> {
  for (const [unit, files] of made) {
    if (!files) return false; // they changed while it was made
    const mounts = pathsOfUnit(unit);
    for (const [place, digest] of Object.entries(files)) if ((await digestOfPlace(place, mounts, cache)) !== digest) return false;
  }
  return true;
}
