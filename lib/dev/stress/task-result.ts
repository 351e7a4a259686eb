// Reads the JSON object that a task prints as its last line with --json.
import { lastOf } from '../../core/errors.ts';
import { parseJsonFields } from '../../core/fields.ts';
import type { Fields } from '../../core/fields.ts';

/** Returns the object in the last line of a task's standard output. Throws a Failure if the line is not a JSON object. */
export function taskResult(stdout: string): Fields {
  return parseJsonFields(lastOf(stdout.trimEnd().split('\n')), 'the result of a task');
}

/** Returns how many units a build had to build, by its result. */
export function unitsBuilt(result: Fields): number {
  return result.requiredCount('misses', Number.MAX_SAFE_INTEGER);
}
