// Errors and their blame. An error is one sentence, "Cannot <do what>: <why>", followed by a hint. The exit
// code shows the blame. This file defines the sentences and the codes. It prints nothing.

/** Exit codes of every task (ARCHITECTURE.md, "Exit codes"). */
export const exitCodes = { done: 0, failed: 1, usage: 2, host: 69, bug: 70, interrupted: 130 } as const;

/** The blame: the input itself, the command line, or the host. Any other exception is a bug of this program. */
export type Blame = 'failed' | 'usage' | 'host' | 'interrupted';

/**
 * A failure that a user can act on. `message` is the sentence. `hint` and `detail` (for instance rustc's own
 * text) are printed after it.
 */
export class Failure extends Error {
  readonly blame: Blame;
  readonly hint: string | undefined;
  readonly detail: string | undefined;

  constructor(blame: Blame, message: string, more: { hint?: string | undefined; detail?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = 'Failure';
    this.blame = blame;
    this.hint = more.hint;
    this.detail = more.detail;
  }

  get exitCode(): number {
    return exitCodes[this.blame];
  }
}

/**
 * Returns the Failure for a mistake of the user or a missing resource of the host: `cannot('read "x"', 'it is
 * a folder', { hint })`. The default blame is "failed".
 */
export function cannot(
  what: string,
  why: string,
  more: { blame?: Blame; hint?: string | undefined; detail?: string | undefined; cause?: unknown } = {},
): Failure {
  return new Failure(more.blame ?? 'failed', `Cannot ${what}: ${why}`, more);
}

/** Returns the error code of Node ("ENOENT", "ENOSPC", ...), if there is one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether an error of Node has one of these codes. */
export function hasErrno(error: unknown, codes: readonly string[]): boolean {
  const code = errnoOf(error);
  return code !== undefined && codes.includes(code);
}

const errnoSentences: Readonly<Record<string, { why: string; blame: Blame; hint?: string }>> = {
  ENOENT: { why: 'it does not exist', blame: 'failed' },
  EACCES: { why: 'permission denied', blame: 'host' },
  EPERM: { why: 'operation not permitted', blame: 'host' },
  EROFS: { why: 'the file system is read-only', blame: 'host' },
  ENOSPC: {
    why: 'no space left on the device',
    blame: 'host',
    hint: 'free some space, or choose another folder with --cache DIR or --out DIR',
  },
  EDQUOT: {
    why: 'the disk quota is used up',
    blame: 'host',
    hint: 'free some space, or choose another folder with --cache DIR or --out DIR',
  },
  EFBIG: { why: 'the file system has no files of that size', blame: 'failed' },
  EMFILE: { why: 'too many open files', blame: 'host', hint: 'raise the limit with ulimit -n, or lower --jobs' },
  ENOTDIR: { why: 'a part of the path is not a folder', blame: 'failed' },
  EISDIR: { why: 'it is a folder', blame: 'failed' },
  EEXIST: { why: 'something of that name is in the way', blame: 'failed' },
};

/**
 * Turns a known error of the operating system into a Failure. Any other error is returned unchanged and is
 * reported as a bug.
 */
export function cannotBecause(what: string, error: unknown, hint?: string): unknown {
  if (error instanceof Failure) return error;
  const code = errnoOf(error);
  const sentence = code === undefined ? undefined : errnoSentences[code];
  if (!sentence) return error;
  return cannot(what, sentence.why, { blame: sentence.blame, hint: hint ?? sentence.hint, cause: error });
}

/**
 * Turns an error about an exhausted resource (disk space, quota, file descriptors) into a Failure of the
 * host, whether Node reports it or another program's message does. Other errors are returned unchanged.
 */
export function hostExhausted(error: unknown): unknown {
  if (error instanceof Failure && error.blame === 'failed' && /^.{0,200}no space left on device/im.test(error.detail ?? '')) {
    const [what = error.message] = error.message.replace(/^Cannot /, '').split(': ');
    return cannot(what, 'no space left on the device', { ...errnoSentences['ENOSPC'], detail: error.detail, cause: error });
  }
  return hasErrno(error, ['ENOSPC', 'EDQUOT', 'EMFILE']) ? cannotBecause('finish', error) : error;
}

/**
 * Returns the word of `known` that the user probably meant by `given`. It differs by at most two edits (a
 * swap counts as one), and by fewer edits than half its letters.
 */
export function nearest(given: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.floor(given.length / 2)) + 1;
  for (const word of known) {
    const distance = editDistance(given, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment: insert, delete, replace, swap of neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const replace = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      rows[i]?.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replace, swap));
    }
  }
  return at(a.length, b.length);
}

/** Returns the value, or undefined if the path does not exist. */
export async function absentAsUndefined<T>(value: Promise<T>): Promise<T | undefined> {
  try {
    return await value;
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENOTDIR'])) return undefined;
    throw error;
  }
}

// Functions for values that the compiler considers possibly absent although they always exist: a group of a
// pattern that matched, the last part of a split text, an item of a list of known length. An absent value is
// a bug, and throws an Error that is not a Failure.

/** Returns the value. Throws a RangeError with `what`, a noun, if it is undefined. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`${what} is missing`);
  return value;
}

/** Returns the item at an index of a list. Throws a RangeError if the list has no item there. */
export function itemOf<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`a list of ${list.length} has no item ${index}`);
  return item;
}

/** Returns the last item of a list. Throws a RangeError if the list is empty. */
export function lastOf<T>(list: readonly T[]): T {
  return itemOf(list, list.length - 1);
}

/** Returns the text of a group of a pattern that matched. Throws a RangeError if the group took no part in the match. */
export function matched(match: RegExpExecArray, group: number): string {
  return present(match[group], `group ${group} of "${match[0]}"`);
}

/** Returns the part of a text before the first occurrence of `mark`, or the whole text if `mark` does not occur. */
export function partBefore(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at === -1 ? text : text.slice(0, at);
}
