// Looks up actions and stores their results. Some inputs are known only after a first run (the source files
// that rustc reads, the files that a build script depends on). Their names are stored under the key of the
// record without them, and their contents complete the record. So a file that was not read has no influence,
// and switching back to an earlier branch is a hit.
import type { Cache } from '../cache/cache.ts';
import type { Looks } from '../cache/digests/file-digests.ts';
import type { Records } from '../cache/records.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { actionKey, filesOfResult, resultJson, resultOf } from './action.ts';
import type { Action, ActionKey, ActionRecord, ActionResult } from './action.ts';
import { attempt } from './attempts.ts';
import type { Attempt, Declares } from './attempts.ts';
import { missReasons } from './explain/differences.ts';
import { openHistory } from './explain/history.ts';
import type { History } from './explain/history.ts';
import type { Execution } from './execute.ts';
import { digestOfPlace, hostPath, isBelow, pathsOf, plainPlace } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/**
 * Dependencies that a run discovered: places with their aspect (place.ts), and names of variables. A variable
 * that was read but not set counts too: it is a change when the user declares it later.
 */
export interface Discovered {
  readonly files: readonly string[];
  readonly variables: readonly string[];
  /** Places outside of the user's trees that had to be shown. The next run shows them from the start. */
  readonly shown?: readonly string[];
  /** Folders that had to be writable. */
  readonly shadowed?: readonly string[];
  /** The command has to run every time, because its own output demands it. */
  readonly always?: true;
}

/** Used instead of a name: the command may have read any variable. */
export const anyVariable = '*';

/** An action whose record is not yet complete, and functions that read the missing parts from its run. */
export interface Job {
  readonly action: Action;
  /** Variables that the user declared. The command sees all of them. The key contains those that were read. */
  readonly declaredEnv: Readonly<Record<string, string>>;
  /** `read` are the observed reads (accesses.ts), or undefined if they are not known. */
  readonly discover: (result: ActionResult, read: readonly string[] | undefined) => Promise<Discovered>;
  /** The places that the command declares on its standard output. */
  readonly declares?: Declares;
  /** The user's home folder, which is in no sandbox. A failure there is explained by its path. */
  readonly home?: string;
}

export interface Done {
  readonly key: ActionKey;
  readonly result: ActionResult;
  /** The discovered files at the time of the run: place -> digest. */
  readonly files: Readonly<Record<string, Digest | null>>;
}

/** `files` is absent if the result was not stored. */
export type Made = ({ readonly ok: true } & Omit<Done, 'files'> & Partial<Pick<Done, 'files'>>) | Exclude<Execution, { readonly ok: true }>;

export interface ActionCache {
  /** Returns a stored result whose artifacts are all present, or undefined for a miss. */
  lookUp(job: Job): Promise<Done | undefined>;
  /** Explains a miss: the changes since the most similar of the last results of its label, as clauses. */
  explain(job: Job): Promise<readonly string[]>;
  /** Executes the action and stores its result. */
  make(job: Job, sandbox: Sandbox, context: Context): Promise<Made>;
  /** Executes the action. Its inputs are determined, and its result is stored, a little later (`CacheFolder.later`). */
  run(job: Job, sandbox: Sandbox, context: Context): Promise<Ran>;
}

/** A result with the key under which it was stored. `files` is absent if it was not stored. */
export type Stored = Pick<Done, 'key'> & Partial<Pick<Done, 'files'>>;

/** The result of a command, and a promise of its key. */
export type Ran =
  { readonly ok: true; readonly result: ActionResult; readonly stored: Promise<Stored> } | Exclude<Execution, { readonly ok: true }>;

/**
 * Number of different sets of inputs that are stored for one record. They differ between branches that add or
 * remove modules.
 */
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
  /** Results by the key of the whole record. */
  readonly #results: Records<Json>;
  /** Sets of inputs that runs discovered, the latest first, by the key of the record without them. */
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
    const ran = await this.run(job, sandbox, context);
    if (!ran.ok) return ran;
    this.#cache.catchUp();
    return { ok: true, result: ran.result, ...(await ran.stored) };
  }

  async run(job: Job, sandbox: Sandbox, context: Context): Promise<Ran> {
    const [latest] = await this.#setsOf(job);
    const before = { shown: latest?.shown ?? [], shadowed: latest?.shadowed ?? [] };
    const execution = await attempt(job, before, sandbox, this.#cache, context);
    if (!execution.ok) return execution;
    const stored = this.#cache.later(() => this.#store(job, execution));
    stored.catch(() => undefined); // the caller waits for it later
    return { ok: true, result: execution.result, stored };
  }

  /** Determines the inputs of an execution, and stores its result unless one of them has changed since its start. */
  async #store(job: Job, execution: Extract<Attempt, { readonly ok: true }>): Promise<Stored> {
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
    if (!execution.shareable || execution.wroteSources || !(await unchangedSince(execution.startedMs, job.action, now))) return { key };
    await this.#results.put(key, resultJson(result));
    const base = actionKey(job.action.record);
    await this.#history.remember(key, { ...job.action, mounts: action.mounts, record, base, discovered: found });
    await this.#putSet(job, found);
    return found.always ? { key } : { key, files: filesOf(record, found) };
  }

  async #setsOf(job: Job): Promise<readonly Discovered[]> {
    const stored = await this.#inputs.get(actionKey(job.action.record));
    return Array.isArray(stored) ? stored.flatMap((set: Json) => discoveredOf(set) ?? []) : [];
  }

  async #putSet(job: Job, found: Discovered): Promise<void> {
    const known = await this.#setsOf(job);
    const text = JSON.stringify(found);
    if (known[0] && JSON.stringify(known[0]) === text) return;
    const others = known.filter((set) => JSON.stringify(set) !== text);
    const sets = [found, ...others].slice(0, rememberedSets);
    await this.#inputs.put(
      actionKey(job.action.record),
      sets.map((set) => ({ ...set })),
    );
  }
}

/**
 * Completes the record of a job with the contents of the inputs that a run discovered. `aside` is used for
 * paths outside of the user's folders. Such paths are busy (the home folder, /tmp), and their changes do not
 * indicate a race.
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
    env: { ...Object.fromEntries(variables), ...record.env }, // variables of cargo and build scripts override the user's
  };
}

/**
 * Whether the files that the command read match the key. If a source was edited while the command ran, or
 * between its look-up and its start, the result is used but not cached. `now` has observed all discovered
 * files.
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
