// What tasks/dev.ts watches and tries in each round: a Cargo project or a system. The loop (dev-task.ts) knows only this.
import type { Context } from '../../core/events.ts';
import type { RoundCause } from '../../watch/rounds.ts';
import type { WatchSet } from '../../watch/watch-set.ts';
import type { KeptMachine } from './kept-machine.ts';
import type { RoundResult } from './round-result.ts';

export interface Subject {
  readonly title: string;
  /** Its machine, where it has one. */
  readonly machine?: KeptMachine;
  /** The paths that it is made from, as they are now. */
  watched(): Promise<WatchSet>;
  /** Does a round. A Failure is the round's, except one of the command line or the host. */
  round(cause: RoundCause, context: Context): Promise<RoundResult>;
  /** Ends what runs. */
  close(): Promise<void>;
}
