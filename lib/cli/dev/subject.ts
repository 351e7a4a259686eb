// The subject of tasks/dev.ts, which is watched and tested in each round: a Cargo project or a system. The
// loop (dev-task.ts) uses only this interface.
import type { Context } from '../../core/events.ts';
import type { RoundCause } from '../../watch/rounds.ts';
import type { WatchSet } from '../../watch/watch-set.ts';
import type { KeptMachine } from './kept-machine.ts';
import type { RoundResult } from './round-result.ts';

export interface Subject {
  readonly title: string;
  /** Its machine, if it has one. */
  readonly machine?: KeptMachine;
  /** Returns the paths of its present sources. */
  watched(): Promise<WatchSet>;
  /** Runs a round. A Failure belongs to the round, except for one of the command line or the host. */
  round(cause: RoundCause, context: Context): Promise<RoundResult>;
  /** Ends everything that runs. */
  close(): Promise<void>;
}
