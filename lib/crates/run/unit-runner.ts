// Runs the action of a unit. Its command gets a token of the jobserver and the folder of its incremental
// state. For the user's own packages it also gets the tracer. The runner announces the metadata of a library
// as soon as it exists. It knows nothing of other units.
import { join } from 'node:path';
import type { Action, Artifact } from '../../actions/action.ts';
import type { Execution } from '../../actions/execute.ts';
import type { Jobserver } from '../../actions/jobserver.ts';
import type { ActionCache, Job, Ran } from '../../actions/lookup.ts';
import type { Sandbox } from '../../actions/sandbox/sandbox.ts';
import type { Tracer } from '../../actions/sandbox/tracer.ts';
import type { Cache } from '../../cache/cache.ts';
import { folderOf } from '../../cache/checkouts.ts';
import type { Checkout } from '../../cache/checkouts.ts';
import type { Digest } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import type { UnitWatch } from '../compiled.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { hasEarlyMetadata } from '../plan/planned-unit.ts';
import type { HeadStart } from './head-start.ts';
import { failure } from '../unit/messages.ts';
import type { Showing } from '../unit/messages.ts';

export interface RunnerOptions {
  readonly cache: Cache;
  readonly actions: ActionCache;
  readonly sandbox: Sandbox;
  readonly showing: Showing;
  readonly watchUnits?: UnitWatch | undefined;
  /** Called when the first unit has to run. */
  readonly openJobserver: () => Promise<Jobserver>;
  /**
   * Called when the first unit of the user's own packages has to run. Resolves with undefined if no tracer
   * works on this host.
   */
  readonly openTracer: () => Promise<Tracer | undefined>;
  /** A compilation that may have begun before the plan was known. */
  readonly headStart?: Pick<HeadStart, 'take'> | undefined;
}

/** The result of a unit. */
export type UnitResult = Extract<Ran, { readonly ok: true }>;

/** The arguments of one run, which the walk passes. */
export interface UnitRun {
  readonly unit: PlannedUnit;
  readonly job: Job;
  /** Called when the metadata of a library exists, while its compilation still runs. */
  readonly metadataReady: (artifact: Artifact) => void;
  /** Aborts when no further command may start. A running command is not stopped. */
  readonly ending: AbortSignal;
}

export class UnitRunner {
  readonly #options: RunnerOptions;
  readonly #context: Context;
  #jobserver: Promise<Jobserver> | undefined;
  #tracer: Promise<Tracer | undefined> | undefined;
  readonly #ran = new Map<string, UnitResult>();

  constructor(options: RunnerOptions, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  /** Returns the result, which is stored a little later. A failed command is a Failure with the messages of the compiler or the build script. */
  async run(run: UnitRun): Promise<Omit<UnitResult, 'action'>> {
    const { unit, job } = run;
    const { actions, sandbox, showing, openJobserver, openTracer } = this.#options;
    const [jobserver, tracer] = await Promise.all([
      (this.#jobserver ??= openJobserver()),
      job.action.own ? (this.#tracer ??= openTracer()) : undefined,
    ]);
    const starts = this.#start(run);
    const early = hasEarlyMetadata(unit) ? { path: metadataName(unit), there: run.metadataReady } : undefined;
    const action: Action = {
      ...job.action,
      ambientEnv: { ...job.action.ambientEnv, ...jobserver.env },
      ambientMounts: { [jobserver.place]: jobserver.path },
      ...(unit.checkout ? { incremental: await this.#stateOf(unit.hash, unit.checkout) } : {}),
      slot: (command) =>
        jobserver.hold(() => {
          starts();
          return command();
        }),
      ...(tracer ? { tracer: tracer.program } : {}),
      ...(tracer?.library === undefined ? {} : { quiet: tracer.library }),
      ...(early ? { early } : {}),
    };
    const begun = (wanted: Action): Promise<Execution | undefined> =>
      Promise.resolve(this.#options.headStart?.take(wanted, sandbox, this.#context.signal, starts));
    const made = await actions.run({ ...job, action, begun }, sandbox, this.#context);
    if (made.ok) this.#ran.set(unit.hash, made);
    if (made.ok) return made;
    this.#context.report({ kind: 'unit-failed', unit: unit.label });
    this.#options.watchUnits?.failed(unit, made.stderr);
    throw failure(unit, made, showing);
  }

  /** Prepares a copy of an output (`ContentStore.prepare`) as soon as no command needs the processor. */
  prepare(digest: Digest): void {
    const { content } = this.#options.cache;
    // An error here has no consequence: the file is copied later.
    this.#jobserver?.then((jobserver) => jobserver.hold(() => content.prepare(digest))).catch(() => undefined);
  }

  /** The results of units that have run, by the hashes of the units. */
  get ran(): ReadonlyMap<string, UnitResult> {
    return this.#ran;
  }

  /** Closes what was opened. No command runs at this time. */
  async close(): Promise<void> {
    await this.#tracer?.catch(() => undefined);
    await (await this.#jobserver)?.close();
  }

  /**
   * Returns a function that is called when a command starts. The first call reports the start of the unit. Throws
   * if no command may start any more.
   */
  #start({ unit, ending }: UnitRun): () => void {
    let started = false;
    return () => {
      ending.throwIfAborted();
      if (!started) this.#context.report({ kind: 'unit-started', unit: unit.label });
      started = true;
    };
  }

  /** Returns the folder with the incremental state of a unit. */
  async #stateOf(hash: string, checkout: Checkout): Promise<string> {
    return join(await folderOf(checkout, this.#options.cache), 'incremental', hash);
  }
}

/** Returns the name of the file that rustc announces when the units that depend on a library can start. */
function metadataName({ unit, hash }: PlannedUnit): string {
  return `lib${unit.target.name.replaceAll('-', '_')}-${hash}.rmeta`;
}
