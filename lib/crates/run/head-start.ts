// Starts a compiler before the plan of a build is known. After a small edit, a build will most likely run the
// same command as before for the unit that read the edited file. The commands of the last build with the same
// command line are recorded, with the digests of the files that they read. A begun execution is used only if
// the plan demands exactly the same action (lib/actions/begun.ts). So a wrong guess costs time and never
// changes a result. This module loads hardly more than it needs to find the record.
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Action, AwaitedInputs } from '../../actions/action.ts';
import type { Begun } from '../../actions/begun.ts';
import type { Execution } from '../../actions/execute.ts';
import type { Jobserver } from '../../actions/jobserver.ts';
import { hostPath, pathsOf, plainPlace } from '../../actions/place.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import type { CacheFolder } from '../../cache/cache-folder.ts';
import type { Cache } from '../../cache/cache.ts';
import { readRecord } from '../../cache/records.ts';
import { canonicalJson, digestBytes, digestRecord, isDigest } from '../../core/digest.ts';
import type { Digest, Json } from '../../core/digest.ts';
import type { Event, Report } from '../../core/events.ts';
import { isListOf, isTable, isText } from '../../core/stored-values.ts';

/** A build, as it is known before its command line is parsed. */
export interface HeadStartQuestion {
  readonly cacheDir: string;
  /** The working directory and the arguments. */
  readonly words: readonly string[];
  readonly pid: number;
}

type Place = Pick<HeadStartQuestion, 'cacheDir' | 'pid'>;

/** A file that a compilation read: its path on the host, its stamp, and its digest, or null where none is. */
type FileRow = readonly [path: string, stamp: string, digest: Digest | null];

/** A compilation that can begin early. `hash` is the hash of its unit in the plan. */
interface Startable {
  readonly hash: string;
  readonly files: readonly FileRow[];
}

/** The compilations of a build in the order of its plan. */
interface Startables {
  readonly jobs: number;
  readonly sandbox: unknown;
  readonly units: readonly Startable[];
}

/** A compilation that has run, and the digests of the files that it read by their places. */
export interface Compilation {
  readonly action: Action;
  readonly files: Readonly<Record<string, Digest | null>>;
}

/** What a finished build can tell the next one. */
export interface FinishedBuild {
  /** The hashes of the units of the user's own packages, in the order of the plan. */
  readonly hashes: readonly string[];
  /** The compilations that have run, by these hashes. */
  readonly ran: ReadonlyMap<string, Compilation>;
  readonly jobs: number;
  readonly sandbox: Sandbox;
  readonly cache: Cache;
}

/** The kinds of these records in the cache. */
const [startablesKind, actionsKind] = ['head-starts', 'head-start-actions'];

/** A started compilation. */
interface Started {
  readonly begun: Begun;
  /** The stamps of its files when it began. */
  readonly stamps: readonly (readonly [path: string, stamp: string])[];
}

/** The inputs of a compilation that the first one is still creating. */
class Waiting implements AwaitedInputs {
  readonly label: string;
  readonly places: readonly string[];
  #isReleased = false;
  #take: ((files: Readonly<Record<string, string>>) => void) | undefined;

  constructor(label: string, places: readonly string[]) {
    this.label = label;
    this.places = places;
  }

  listen(take: (files: Readonly<Record<string, string>>) => void): void {
    this.#take = take;
  }

  /** Lets the compilation run with the files in this folder. */
  release(folder: string): void {
    this.#take?.(Object.fromEntries(this.places.map((place) => [place, join(folder, basename(place))])));
    this.#isReleased = true;
  }

  /** Returns the digests of the files by their places, or undefined if they are not known or the compilation does not run. */
  digests(outputs: ReadonlyMap<string, Digest>): Readonly<Record<string, Digest>> | undefined {
    const known = this.places.flatMap((place) => {
      const digest = outputs.get(basename(place));
      return digest === undefined ? [] : [[place, digest] as const];
    });
    return this.#isReleased && known.length === this.places.length ? Object.fromEntries(known) : undefined;
  }
}

/** What all compilations of a process share. */
interface Shared {
  readonly jobs: number;
  readonly jobserver: Promise<Jobserver>;
}

/**
 * Starts the first compilation whose files have changed since the last build with the same command line. Never
 * fails: the build itself reports what is wrong.
 */
export async function beginCompilation({ cacheDir, words, pid }: HeadStartQuestion): Promise<HeadStart> {
  const key = digestRecord({ format: 1, words: [...words] });
  let headStart = new HeadStart(key, []);
  try {
    const known = startablesOf(readRecord(cacheDir, startablesKind, key));
    headStart = new HeadStart(key, known?.units ?? []);
    const chosen = known?.units.find(({ files }) => files.some(hasChanged));
    if (known && chosen) await headStart.begin(chosen, known, { cacheDir, pid });
  } catch {
    await headStart.close();
  }
  return headStart;
}

export class HeadStart {
  readonly #key: Digest;
  readonly #known: readonly Startable[];
  readonly #abort = new AbortController();
  #folder: CacheFolder | undefined;
  #report: Report | undefined;
  readonly #started: Started[] = [];
  /** The labels of units that the build has run. Units that need only metadata may run before they could begin here. */
  readonly #asked = new Set<string>();
  #shared: Shared | undefined;

  constructor(key: Digest, known: readonly Startable[]) {
    this.#key = key;
    this.#known = known;
  }

  /**
   * Starts the compilation of a unit, if everything that it needs exists. Resolves when its command runs. Those that
   * link its library are started too, and wait: they run at once when it has succeeded, while its outputs are stored.
   */
  async begin(unit: Startable, { jobs, sandbox }: Startables, { cacheDir, pid }: Place): Promise<void> {
    const [{ actionOfStored, Begun, isWhole }, { jobserverPath, jobserverPlace, openJobserver, sparePipe }] = await Promise.all([
      import('../../actions/begun.ts'),
      import('../../actions/jobserver.ts'),
    ]);
    const { isBubblewrap } = await import('../../actions/sandbox/sandbox.ts');
    const { openCacheFolder } = await import('../../cache/cache-folder.ts');
    if (!isBubblewrap(sandbox)) return;
    const startable = ({ hash }: Startable): Action | undefined => {
      const action = actionOfStored(readRecord(cacheDir, actionsKind, actionKeyOf(this.#key, hash)));
      return action && !action.record.network && isWhole(action, sandbox) ? action : undefined;
    };
    const action = startable(unit);
    if (!action) return;
    const folder = await openCacheFolder(cacheDir, pid, (event: Event) => this.#report?.(event));
    this.#folder = folder;
    const jobserver = openJobserver(folder.tmpDir, jobs, { signal: this.#abort.signal }, sparePipe(folder));
    jobserver.catch(() => undefined); // reported when a build needs it
    this.#shared = { jobs, jobserver };
    const start = (files: readonly FileRow[], one: Action, unstored?: () => Readonly<Record<string, Digest>> | undefined): Begun => {
      const ready = { ...one, ambientMounts: { ...one.ambientMounts, [jobserverPlace]: jobserverPath(folder.tmpDir) } };
      const stamps = files.map(([path]) => [path, stampOf(path)] as const);
      // It has a token from its start, as every command.
      const begun = new Begun(ready, sandbox, folder, async (command) => (await jobserver).hold(command), unstored);
      this.#started.push({ begun, stamps });
      return begun;
    };
    const waiting: { readonly inputs: Waiting; readonly begun: Begun }[] = [];
    const finished = async (outDir: string): Promise<void> => {
      const wanted = waiting.filter(({ inputs }) => !this.#asked.has(inputs.label));
      for (const { inputs } of wanted) inputs.release(outDir);
      // Storing a library would delay these commands. If all processors are busy, it is stored when one of them ends.
      if (wanted.length > jobs) await Promise.race(wanted.map(({ begun }) => begun.ended));
      else if (wanted.length > 0) await setTimeout(releaseMs);
    };
    const first = start(unit.files, { ...action, finished });
    await first.started; // loading modules blocks this process, and should not delay the command
    const others = this.#known.flatMap(({ hash, files }) => {
      const other = hash === unit.hash ? undefined : startable({ hash, files });
      return other?.tracer !== undefined && links(other, unit.hash) ? [{ hash, files, action: other }] : [];
    });
    // The others wait for units that have to be compiled before them. One more than may run is prepared.
    const next = others.filter((one) => !others.some(({ hash }) => dependsOn(one.action, hash)));
    for (const { files, action: other } of next.slice(0, jobs + 1)) {
      const inputs = new Waiting(other.label, outputsIn(other, unit.hash));
      waiting.push({ inputs, begun: start(files, { ...other, awaited: inputs }, () => inputs.digests(first.outputs)) });
    }
  }

  /** Passes on the opened folder of the cache, if it is the one of `dir`. The caller closes it. */
  takeFolder(dir: string, report: Report): CacheFolder | undefined {
    const folder = this.#folder;
    if (folder?.root !== dir) return undefined;
    this.#report = report;
    this.#folder = undefined;
    return folder;
  }

  /**
   * Returns the jobserver of the begun compilation, if there is one. A build with another number of jobs cannot
   * use it, and the compilation is stopped. `signal` ends all waiting for tokens.
   */
  async jobserver(jobs: number, signal: AbortSignal): Promise<Jobserver | undefined> {
    signal.addEventListener('abort', () => this.#abort.abort(signal.reason), { once: true });
    if (this.#shared?.jobs === jobs) return await this.#shared.jobserver;
    await this.#stop();
    return undefined;
  }

  /** Returns the execution that has begun (`Begun.take`), if its files are still those with which it began. */
  async take(action: Action, sandbox: Sandbox, signal: AbortSignal, taken?: () => void): Promise<Execution | undefined> {
    this.#asked.add(action.label);
    const started = this.#started.find(({ begun }) => begun.isOf(action));
    if (!started || started.stamps.some(([path, stamp]) => stampOf(path) !== stamp)) return undefined;
    return await started.begun.take(action, sandbox, signal, taken);
  }

  /** Records the compilations of a finished build for the next one. */
  async remember({ hashes, ran, jobs, sandbox, cache }: FinishedBuild): Promise<void> {
    if (sandbox.kind !== 'bubblewrap') return;
    const { storedAction } = await import('../../actions/begun.ts');
    const { jobserverPlace } = await import('../../actions/jobserver.ts');
    const actions = await cache.records<Json>(actionsKind, (value): value is Json => isTable(value));
    const known = new Map<string, readonly string[]>(this.#known.map((unit) => [unit.hash, unit.files.map(([path]) => path)]));
    for (const [hash, { action, files }] of ran) {
      if (!action.own || action.record.network || action.record.kind !== 'rustc') continue;
      known.set(hash, hostPathsOf(action, files));
      const { [jobserverPlace]: _pipe, ...ambientMounts } = action.ambientMounts ?? {}; // it is in the folder of a process
      const [key, stored] = [actionKeyOf(this.#key, hash), storedAction({ ...action, ambientMounts })];
      if (canonicalJson((await actions.get(key)) ?? null) !== canonicalJson(stored)) await actions.put(key, stored);
    }
    const units = await Promise.all(
      hashes.flatMap((hash): Promise<Startable>[] => {
        const paths = known.get(hash);
        return paths ? [paths].map(async () => ({ hash, files: await rowsOf(paths, cache) })) : [];
      }),
    );
    const startables = await cache.records<Json>(startablesKind, (value): value is Json => isTable(value));
    await startables.put(this.#key, {
      jobs,
      sandbox: { ...sandbox },
      units: units.map(({ hash, files }) => ({ hash, files: files.map((row): Json => [...row]) })),
    });
  }

  /** Stops what has begun and was not used, and closes the folder of the cache unless it was passed on. */
  async close(): Promise<void> {
    await this.#stop();
    const folder = this.#folder;
    this.#folder = undefined;
    await folder?.close();
  }

  async #stop(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    // All at once, because one may wait for the end of another. The end of one may start others.
    while (this.#started.length > 0) await Promise.all(this.#started.splice(0).map(({ begun }) => begun.stop()));
    (await shared?.jobserver.catch(() => undefined))?.close();
  }
}

/** Returns the places of a unit's outputs among the inputs of an action. Their names contain the unit's hash. */
function outputsIn({ record }: Action, hash: string): readonly string[] {
  return Object.keys(record.inputs).filter((place) => basename(place).includes(`-${hash}.`));
}

/** Time in which released commands start, in ms. */
const releaseMs = 15;

/** Whether an action needs a finished library of the unit, and not only its metadata, which exists earlier. */
function links(action: Action, hash: string): boolean {
  return outputsIn(action, hash).some((place) => place.endsWith('.rlib'));
}

function dependsOn(action: Action, hash: string): boolean {
  return outputsIn(action, hash).length > 0;
}

function actionKeyOf(build: Digest, hash: string): Digest {
  return digestRecord({ build, hash });
}

/** Returns the paths of single files. Names of folders and whole trees are left out. */
function hostPathsOf(action: Action, files: Compilation['files']): readonly string[] {
  const paths = pathsOf(action);
  return Object.keys(files).flatMap((place) => (plainPlace(place) === place ? [hostPath(place, paths)] : []));
}

async function rowsOf(paths: readonly string[], { digests }: Cache): Promise<readonly FileRow[]> {
  return await Promise.all(paths.map(async (path) => [path, stampOf(path), (await digests.file(path)) ?? null] as const));
}

/** Whether a file has other content. A link or a program counts as changed if its stamp differs. */
function hasChanged([path, stamp, digest]: FileRow): boolean {
  const now = stampOf(path);
  if (now === stamp) return false;
  return now === absent || digest === null || digestBytes(readFileSync(path)) !== digest;
}

const absent = 'absent';

/** Returns a text that changes when the file is replaced or written. */
function stampOf(path: string): string {
  try {
    const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
  } catch {
    return absent;
  }
}

function startablesOf(value: unknown): Startables | undefined {
  if (!isTable(value)) return undefined;
  const { jobs, sandbox, units } = value;
  return typeof jobs === 'number' && isListOf(units, isStartable) ? { jobs, sandbox, units } : undefined;
}

function isStartable(value: unknown): value is Startable {
  return isTable(value) && isText(value['hash']) && isListOf(value['files'], isFileRow);
}

function isFileRow(value: unknown): value is FileRow {
  return Array.isArray(value) && isText(value[0]) && isText(value[1]) && (value[2] === null || isDigest(value[2]));
}
