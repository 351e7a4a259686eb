// Looking an action up, and remembering what it made. Some inputs are known only after a first run (the source files that rustc
// says it read, the files a build script says it depends on): their names are remembered by the key of the record without them, and
// their contents complete the record. So a file that was not read changes nothing, and switching a branch back costs nothing.
import type { Cache } from '../cache/cache.ts';
import type { Looks } from '../cache/digests/file-digests.ts';
import type { Records } from '../cache/records.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { actionKey, filesOfResult, resultJson, resultOf } from './action.ts';
import type { Action, ActionKey, ActionRecord, ActionResult } from './action.ts';
import { attempt } from './attempts.ts';
import type { Declares } from './attempts.ts';
import { missReasons } from './explain/differences.ts';
import { openHistory } from './explain/history.ts';
import type { History } from './explain/history.ts';
import type { Execution } from './execute.ts';
import { digestOfPlace, hostPath, isBelow, pathsOf, plainPlace } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/**
 * What a run turned out to depend on: places with their aspect (place.ts), and names of variables, declared or not: one that was looked
 * for in vain counts once it is declared.
 */
export interface Discovered {
  readonly files: readonly string[];
  readonly variables: readonly string[];
  /** Places outside of the user's trees that had to be shown: the next run shows them at once. */
  readonly shown?: readonly string[];
  /** Folders that had to be writable. */
  readonly shadowed?: readonly string[];
  /** The command has to run every time, as its own words ask for. */
  readonly always?: true;
}

/** In place of a name: the command may have read any variable. */
export const anyVariable = '*';

/** An action whose record is not yet complete, and how its run tells the rest. */
export interface Job {
  readonly action: Action;
  /** Variables the user declared: the command sees all of them, the key takes those that were read. */
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** `read`: what was seen of its reads (accesses.ts); undefined where they are not known. */
  readonly discover: (result: ActionResult, read: readonly string[] | undefined) => Promise<Discovered>;
  /** The places that the command's words declare, from its standard output. */
  readonly declares?: Declares;
  /** The person's home folder, which no action sees: a failure there is told by its path. */
  readonly home?: string;
}

export interface Done {
  readonly key: ActionKey;
  readonly result: ActionResult;
  /** The files that were discovered, as they were: place -> digest. */
  readonly files: Readonly<Record<string, Digest | null>>;
}

/** `files` is absent when the result was not remembered. */
export type Made = ({ readonly ok: true } & Omit<Done, 'files'> & Partial<Pick<Done, 'files'>>) | Exclude<Execution, { readonly ok: true }>;

export interface ActionCache {
  /** A remembered result whose artifacts are all present, or undefined: a miss. */
  lookUp(job: Job): Promise<Done | undefined>;
  /** Why a job is a miss: what changed since the last result of its label that is nearest, as clauses for people. */
  explain(job: Job): Promise<readonly string[]>;
  /** Executes the action and remembers what it made. */
  make(job: Job, sandbox: Sandbox, context: Context): Promise<Made>;
}

/** How many different sets of inputs are remembered for one record: branches that add and remove modules. */
const rememberedSets = 8;

export async function openActionCache(cache: Cache): Promise<ActionCache> {
  return new StoredResults(
    cache,
    await cache.records('actions', (value): value is Json => resultOf(value) !== undefined),
    await cache.records('inputs', (value): value is Json => Array.isArray(value)),
    await openHistory(cache),
  );
}

class StoredResults implements ActionCache {
  readonly #cache: Cache;
  /** By the key of the whole record. */
  readonly #results: Records<Json>;
  /** The sets of inputs that runs discovered, the latest first, by the key of the record without them. */
  readonly #inputs: Records<Json>;
  readonly #history: History;

  constructor(cache: Cache, results: Records<Json>, inputs: Records<Json>, history: History) {
    this.#cache = cache;
    this.#results = results;
    this.#inputs = inputs;
    this.#history = history;
  }

  async lookUp(job: Job): Promise<Done | undefined> {
    for (const set of await this.#setsOf(job)) {
      if (set.always) continue;
      const record = await complete(job, set, this.#cache.digests);
      const key = actionKey(record);
      const result = resultOf((await this.#results.get(key)) ?? null);
      if (!result) continue;
      const present = await Promise.all(filesOfResult(result).map(({ digest }) => this.#cache.content.has(digest)));
      if (present.every(Boolean)) return { key, result, files: filesOf(record, set) };
    }
    return undefined;
  }

  explain(job: Job): Promise<readonly string[]> {
    return missReasons(job.action.label, this.#history, ({ discovered }) => complete(job, discovered, this.#cache.digests));
  }

  async make(job: Job, sandbox: Sandbox, context: Context): Promise<Made> {
    const [latest] = await this.#setsOf(job);
    const before = { shown: latest?.shown ?? [], shadowed: latest?.shadowed ?? [] };
    const execution = await attempt(job, before, sandbox, this.#cache, context);
    if (!execution.ok) return execution;
    const { result, needed, action } = execution;
    const found = {
      ...(await job.discover(result, execution.read)),
      ...(needed.shown.length > 0 ? { shown: needed.shown } : {}),
      ...(needed.shadowed.length > 0 ? { shadowed: needed.shadowed } : {}),
    };
    const now = this.#cache.digests.again();
    const ran = action.own ? { ...job, action: { ...job.action, own: action.own } } : job;
    const record = await complete(ran, found, now, this.#cache.digests.again());
    const key = actionKey(record);
    if (!execution.shareable || execution.wroteSources || !(await unchangedSince(execution.startedMs, job.action, now)))
      return { ok: true, key, result };
    await this.#results.put(key, resultJson(result));
    const base = actionKey(job.action.record);
    await this.#history.remember(key, { ...job.action, mounts: action.mounts, record, base, discovered: found });
    await this.#putSet(job, found);
    return found.always ? { ok: true, key, result } : { ok: true, key, result, files: filesOf(record, found) };
  }

  async #setsOf(job: Job): Promise<readonly Discovered[]> {
    const stored = await this.#inputs.get(actionKey(job.action.record));
    return Array.isArray(stored) ? stored.flatMap((set: Json) => discoveredOf(set) ?? []) : [];
  }

  async #putSet(job: Job, found: Discovered): Promise<void> {
    const others = (await this.#setsOf(job)).filter((set) => JSON.stringify(set) !== JSON.stringify(found));
    const sets = [found, ...others].slice(0, rememberedSets);
    await this.#inputs.put(
      actionKey(job.action.record),
      sets.map((set) => ({ ...set })),
    );
  }
}

/**
 * The record of a job with the contents of what a run discovered. `aside` looks at what is around the user's folders: these are busy places (the home
 * folder, /tmp), whose changes say nothing of a race.
 */
async function complete(job: Job, found: Pick<Discovered, 'files' | 'variables'>, digests: Looks, aside = digests): Promise<ActionRecord> {
  const paths = pathsOf(job.action);
  const counted = job.action.own?.counted;
  const files = await Promise.all(
    [...found.files].sort(byCodeUnit).map(async (place) => {
      const within = counted === undefined || isBelow(plainPlace(place), counted);
      return [place, await digestOfPlace(place, paths, { digests: within ? digests : aside })] as const;
    }),
  );
  const any = found.variables.includes(anyVariable);
  const variables = Object.entries(job.declaredEnv).filter(([name]) => any || found.variables.includes(name));
  const { record } = job.action;
  return {
    ...record,
    files: { ...record.files, ...Object.fromEntries(files) },
    env: { ...Object.fromEntries(variables), ...record.env }, // what cargo and build scripts set wins over what the user declared
  };
}

/**
 * Is what the command read what the key says? A source edited while it ran, or between its look-up and its start, makes the result one that
 * is used but not remembered. `now` has looked at everything that was discovered.
 */
async function unchangedSince(startedMs: number, action: Action, now: Looks): Promise<boolean> {
  const paths = pathsOf(action);
  for (const [place, digest] of Object.entries(action.record.files)) {
    if (hostPath(plainPlace(place), paths) !== plainPlace(place) && (await digestOfPlace(place, paths, { digests: now })) !== digest)
      return false;
  }
  return now.newestChangeMs() < Math.floor(startedMs);
}

function filesOf(record: ActionRecord, { files }: Discovered): Done['files'] {
  return Object.fromEntries(files.map((place) => [place, record.files[place] ?? null]));
}

function discoveredOf(value: Json): Discovered | undefined {
  if (typeof value !== 'object' || value === null || !('files' in value) || !('variables' in value)) return undefined;
  const strings = (list: Json | undefined): string[] => (Array.isArray(list) ? list.filter((item: Json) => typeof item === 'string') : []);
  const [shown, shadowed] = [strings(value['shown']), strings(value['shadowed'])];
  return {
    files: strings(value['files']),
    variables: strings(value['variables']),
    ...(shown.length > 0 ? { shown } : {}),
    ...(shadowed.length > 0 ? { shadowed } : {}),
    ...(value['always'] === true ? { always: true } : {}),
  };
}
