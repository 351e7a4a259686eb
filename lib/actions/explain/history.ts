// The origins of earlier results. Stores each result's record with the data that is needed to run the action
// again on this host, and for each label of a unit the keys of its last results. Used for explanations and
// for repeating a compilation. Look-ups do not use it.
import type { CacheFolder } from '../../cache/cache-folder.ts';
import type { Records } from '../../cache/records.ts';
import type { Digest, Json } from '../../core/digest.ts';
import { byCodeUnit, digestRecord, isDigest } from '../../core/digest.ts';
import { isActionKey, isActionRecord } from '../action.ts';
import { isTable, isTexts, isTextTable } from '../../core/stored-values.ts';
import type { Action, ActionKey, ActionRecord } from '../action.ts';

/**
 * The origin of one result. `mounts` are the paths on this host that had the sources when the result was
 * created.
 */
export interface Origin {
  readonly label: string;
  readonly record: ActionRecord;
  /** The key of the record before the run. The discovered inputs are stored under it. */
  readonly base: ActionKey;
  readonly mounts: Action['mounts'];
  readonly ambientEnv: Action['ambientEnv'];
  /** Inputs that the run discovered. The rest of the record was known before. */
  readonly discovered: { readonly files: readonly string[]; readonly variables: readonly string[] };
}

export interface History {
  remember(key: ActionKey, origin: Origin): Promise<void>;
  origin(key: Digest): Promise<Origin | undefined>;
  /** Returns the labels of all units with results, sorted by code unit. */
  labels(): Promise<readonly string[]>;
  /** Returns the keys of the last results under a label, the latest first. */
  keysOf(label: string): Promise<readonly Digest[]>;
}

/** Number of results that are kept for one label. They differ by host and target, profile and branch. */
const keptKeys = 16;

export const originsKind = 'origins';
export const historyKind = 'history';

export async function openHistory(cache: CacheFolder): Promise<History> {
  const origins: Records<Json> = await cache.records(originsKind, (value): value is Json => originOf(value) !== undefined);
  const latest: Records<Json> = await cache.records(historyKind, (value): value is Json => historyOf(value) !== undefined);
  let writing: Promise<unknown> = Promise.resolve();

  const origin = async (key: Digest): Promise<Origin | undefined> => originOf((await origins.get(key)) ?? null);
  const keysOf = async (label: string): Promise<readonly Digest[]> =>
    historyOf((await latest.get(digestRecord(label))) ?? null)?.keys ?? [];

  return {
    origin,
    keysOf,
    async labels() {
      const rows = await Promise.all((await latest.keys()).map(async (key) => historyOf((await latest.get(key)) ?? null)?.label ?? []));
      return rows.flat().sort(byCodeUnit);
    },
    async remember(key, { label, record, base, mounts, ambientEnv, discovered }) {
      const { files, variables } = discovered;
      const row = { label, record: { ...record }, base, mounts: { ...mounts }, ambientEnv: { ...ambientEnv } };
      await origins.put(key, { ...row, discovered: { files: [...files], variables: [...variables] } });
      // Units with the same label may end at the same time. Updates run one after the other, because
      // otherwise a key would be lost.
      const add = async (): Promise<void> => {
        const others = (await keysOf(label)).filter((other) => other !== key);
        await latest.put(digestRecord(label), { label, keys: [key, ...others].slice(0, keptKeys) });
      };
      const added = writing.then(add);
      writing = added.catch(() => undefined);
      await added;
    },
  };
}

/** Reads what `remember` wrote under a label. Returns undefined if it has another shape. */
export function historyOf(value: Json): { readonly label: string; readonly keys: readonly Digest[] } | undefined {
  if (!isTable(value) || typeof value['label'] !== 'string' || !Array.isArray(value['keys'])) return undefined;
  return { label: value['label'], keys: value['keys'].filter(isDigest) };
}

/**
 * Reads a stored origin. Returns undefined if it has another shape. A different format of the record is one
 * of the differences that an explanation names.
 */
export function originOf(value: Json): Origin | undefined {
  if (!isTable(value) || !isTable(value['discovered'])) return undefined;
  const { label, record, base, mounts, ambientEnv } = value;
  const { files, variables } = value['discovered'];
  if (typeof label !== 'string' || !isActionRecord(record) || !isActionKey(base)) return undefined;
  if (!isTextTable(mounts) || !isTextTable(ambientEnv) || !isTexts(files) || !isTexts(variables)) return undefined;
  return { label, record, base, mounts, ambientEnv, discovered: { files, variables } };
}
