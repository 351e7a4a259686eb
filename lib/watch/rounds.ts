// The order of rounds: one at a time, each for everything that was asked for since the last one began. Knows neither files nor machines.
//
//   idle --ask--> running --done--> idle
//   running --ask, wait----> running, one more pending --done--> running
//   running --ask, restart-> stopping --stopped--> running

/** What happens to a running round when something changes. */
export type OnBusy = 'wait' | 'restart';

export interface RoundCause {
  /** `rebuild` and `reboot`: requested by the user. */
  readonly kind: 'start' | 'change' | 'rebuild' | 'reboot';
  /** Absolute paths of a change. */
  readonly paths: readonly string[];
}

/** Runs a round. It rejects with the signal's reason when that aborts, and has stopped everything by then. */
export type RoundWork = (cause: RoundCause, signal: AbortSignal) => Promise<void>;

/** The reason of a round that was stopped because another one begins. */
class Superseded extends Error {}

/** In the order of the work that they require. */
const causes: readonly RoundCause['kind'][] = ['reboot', 'change', 'rebuild', 'start'];

export class Rounds {
  readonly #work: RoundWork;
  readonly #onBusy: OnBusy;
  readonly #onLate: (cause: RoundCause, onBusy: OnBusy) => void;
  #pending: RoundCause | undefined;
  #current: { readonly cause: RoundCause; readonly abort: AbortController } | undefined;
  #ended = false;
  #wake: () => void = () => undefined;

  /** `onLate` is called when a round is requested while another one runs. */
  constructor(work: RoundWork, onBusy: OnBusy, onLate: (cause: RoundCause, onBusy: OnBusy) => void) {
    this.#work = work;
    this.#onBusy = onBusy;
    this.#onLate = onLate;
  }

  get isRunning(): boolean {
    return this.#current !== undefined;
  }

  ask(cause: RoundCause): void {
    this.#pending = merged(this.#pending, cause);
    if (this.#current) {
      this.#onLate(cause, this.#onBusy);
      if (this.#onBusy === 'restart') {
        // The stopped round was for changes that are not built yet.
        this.#pending = merged(this.#current.cause, this.#pending);
        this.#current.abort.abort(new Superseded());
      }
    }
    this.#wake();
  }

  /** Stops the running round and makes `run` return. */
  end(): void {
    this.#ended = true;
    this.#current?.abort.abort(new Superseded());
    this.#wake();
  }

  /**
   * Runs rounds until `end`. Rejects with the reason of `signal` when that aborts, and with the error of a
   * round.
   */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!this.#ended) {
      signal.throwIfAborted();
      const cause = this.#pending;
      if (cause) await this.#round(cause, signal);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #round(cause: RoundCause, signal: AbortSignal): Promise<void> {
    this.#pending = undefined;
    const abort = new AbortController();
    this.#current = { cause, abort };
    try {
      await this.#work(cause, AbortSignal.any([signal, abort.signal]));
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
    } finally {
      this.#current = undefined;
    }
  }
}

/** Returns one cause for both. */
function merged(one: RoundCause | undefined, other: RoundCause): RoundCause {
  if (!one) return other;
  const kind = causes.indexOf(one.kind) > causes.indexOf(other.kind) ? one.kind : other.kind;
  return { kind, paths: [...new Set([...one.paths, ...other.paths])] };
}
