// What a task ends with.
import type { Json } from '../core/digest.ts';

/** What a task ends with: its exit code (0 unless said), and the object that --json prints. */
export interface Outcome {
  readonly exitCode?: number;
  readonly json?: Json;
}
