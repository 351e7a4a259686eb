// An execution that began before it was known whether it is needed. It is used only for exactly the same
// action. So a wrong guess costs time and never changes a result.
import { existsSync } from 'node:fs';
import { filesOfResult, isActionRecord, recordJson } from './action.ts';
import type { Action, Artifact } from './action.ts';
import { execute } from './execute.ts';
import type { Execution } from './execute.ts';
import type { Bubblewrap, Sandbox } from './sandbox/sandbox.ts';
import type { CacheFolder } from '../cache/cache-folder.ts';
import { canonicalJson } from '../core/digest.ts';
import type { Digest, Json } from '../core/digest.ts';
import { isTable, isText, isTexts, isTextTable, orNull } from '../core/stored-values.ts';

type Slot = NonNullable<Action['slot']>;

export class Begun {
  readonly #action: Action;
  readonly #sandbox: Sandbox;
  readonly #unstored: () => Readonly<Record<string, Digest>> | undefined;
  readonly #execution: Promise<Execution | undefined>;
  readonly #abort = new AbortController();
  #isTaken = false;
  #outputs: ReadonlyMap<string, Digest> = new Map();
  #early: Artifact | undefined;
  #there: ((artifact: Artifact) => void) | undefined;

  /** Resolves when the command of the action runs, or cannot run. */
  readonly started: Promise<unknown>;
  /** Resolves when the command has ended. */
  readonly ended: Promise<unknown>;

  /**
   * Starts the action. Its command runs as soon as `slot` runs it. When the execution is taken, `unstored` returns
   * the digests of the inputs that were not stored at its start.
   */
  constructor(
    action: Action,
    sandbox: Sandbox,
    cache: CacheFolder,
    slot: Slot,
    unstored: () => Readonly<Record<string, Digest>> | undefined = () => ({}),
  ) {
    this.#action = action;
    this.#sandbox = sandbox;
    this.#unstored = unstored;
    const there = (artifact: Artifact): void => {
      this.#early = artifact;
      this.#there?.(artifact);
    };
    const [running, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first: Slot = (command) =>
      slot(() => {
        const output = command();
        running.resolve();
        return output;
      }).finally(() => ended.resolve());
    const heard = { ...action, slot: first, ...(action.early ? { early: { path: action.early.path, there } } : {}) };
    // An error is not final: whoever needs the action then executes it in the usual way.
    this.#execution = execute(heard, sandbox, cache, { signal: this.#abort.signal, report: () => undefined }).then(
      (execution) => {
        if (execution.ok) this.#outputs = new Map(filesOfResult(execution.result).map(({ path, digest }) => [path, digest]));
        return execution;
      },
      () => undefined,
    );
    this.started = Promise.race([running.promise, this.#execution]);
    this.ended = Promise.race([ended.promise, this.#execution]);
  }

  /**
   * Returns the execution if it is of exactly this action, when it has ended. Returns undefined for another
   * action, for a second call, and if it could not run. `taken` is called at once if the action is the same. It
   * may throw. `signal` stops the execution. The slot of the wanted action is not used.
   */
  async take(action: Action, sandbox: Sandbox, signal: AbortSignal, taken: () => void = () => undefined): Promise<Execution | undefined> {
    if (!this.isOf(action) || comparable(action, sandbox) !== this.#comparable()) return undefined;
    taken();
    this.#isTaken = true;
    const stop = (): void => this.#abort.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    this.#there = action.early?.there;
    if (this.#early) this.#there?.(this.#early);
    try {
      const execution = await this.#execution;
      signal.throwIfAborted();
      return execution;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Whether the execution may be of this action: its label is the same, and no build has taken it. */
  isOf({ label }: Action): boolean {
    return !this.#isTaken && label === this.#action.label;
  }

  /** Returns the digests of the files that a successful execution has written, by their paths. Empty before its end. */
  get outputs(): ReadonlyMap<string, Digest> {
    return this.#outputs;
  }

  /** Returns the text of everything that the execution depends on. Undefined if a digest is not known. */
  #comparable(): string | undefined {
    const { record } = this.#action;
    const unstored = this.#unstored();
    return unstored && comparable({ ...this.#action, record: { ...record, inputs: { ...record.inputs, ...unstored } } }, this.#sandbox);
  }

  /** Stops the command if it still runs, and waits for its end. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('it is not needed'));
    await this.#execution;
  }
}

/**
 * Everything that an execution depends on, as text. The functions of an action are not part of it, and neither
 * are the digests of single source files: the command reads these files themselves.
 */
function comparable(action: Action, sandbox: Sandbox): string {
  return canonicalJson({ ...storedAction({ ...action, record: { ...action.record, files: {} } }), sandbox: { ...sandbox } });
}

/** Returns an action as JSON, without its functions. */
export function storedAction({
  label,
  record,
  mounts,
  ambientEnv,
  ambientMounts = {},
  own,
  tracer,
  quiet,
  incremental,
  shadowed = [],
  early,
}: Action): Readonly<Record<string, Json>> {
  return {
    label,
    record: recordJson(record),
    mounts,
    ambientEnv,
    ambientMounts,
    own: own ? { counted: [...own.counted], around: own.around, mayWrite: [...own.mayWrite] } : null,
    tracer: tracer ?? null,
    quiet: quiet ?? null,
    incremental: incremental ?? null,
    shadowed: [...shadowed],
    early: early?.path ?? null,
  };
}

/** Whether the host still has everything that the action is shown, and its programs. */
export function isWhole({ mounts, ambientMounts = {}, tracer, quiet }: Action, sandbox: Bubblewrap): boolean {
  const programs = [sandbox.program, tracer, quiet].filter((path) => path !== undefined);
  return [...Object.values(mounts), ...Object.values(ambientMounts), ...programs].every((path) => existsSync(path));
}

/** Returns the action of `storedAction`. Undefined if a field is missing or has another type. */
export function actionOfStored(value: unknown): Action | undefined {
  if (!isTable(value)) return undefined;
  const { label, record, mounts, ambientEnv, ambientMounts, own, tracer, quiet, incremental, shadowed, early } = value;
  if (!isText(label) || !isActionRecord(record) || !isTexts(shadowed)) return undefined;
  if (!isTextTable(mounts) || !isTextTable(ambientEnv) || !isTextTable(ambientMounts)) return undefined;
  if (!isNullOrText(tracer) || !isNullOrText(quiet) || !isNullOrText(early) || !isNullOrText(incremental) || !isTable(own))
    return undefined;
  const { counted, around, mayWrite } = own;
  if (!isTexts(counted) || !isTextTable(around) || !isTexts(mayWrite)) return undefined;
  return {
    ...{ label, record, mounts, ambientEnv, ambientMounts, shadowed },
    own: { counted, around, mayWrite, spelled: () => '', named: [], home: undefined },
    ...(tracer === null ? {} : { tracer }),
    ...(quiet === null ? {} : { quiet }),
    ...(incremental === null ? {} : { incremental }),
    ...(early === null ? {} : { early: { path: early, there: () => undefined } }),
  };
}

const isNullOrText = orNull(isText);
