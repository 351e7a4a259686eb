// Cargo's refusal to plan as a Failure.
import { cannot, Failure } from '../../core/errors.ts';

const staleLock = /--locked was passed|lock file needs to be updated|cannot update the lock file/;

/** Whether cargo refused because Cargo.lock does not fit the manifests. */
export function isStaleLock(error: unknown): boolean {
  return error instanceof Failure && staleLock.test(error.detail ?? '');
}

/** Cargo's refusal in one sentence, its own words above it, and what to do. */
export function planError(dir: string, words: string): Error {
  const first = /^error: (.*)$/m.exec(words)?.[1] ?? words.split('\n')[0] ?? 'cargo gave no reason';
  const hint = staleLock.test(words)
    ? 'Cargo.lock does not fit Cargo.toml: run cargo update --workspace (or cargo generate-lockfile) in the project'
    : /no matching package|failed to get|can't checkout|--offline/.test(words)
      ? 'nothing is downloaded during a build: run cargo fetch or cargo vendor in the project first'
      : undefined;
  const why = /--locked was passed|cannot update the lock file/.test(words) ? 'its Cargo.lock is out of date' : first.replace(/\.$/, '');
  return cannot(`plan "${dir}"`, why, { detail: words, hint });
}
