// Values that the compiler takes for possibly absent and that are always there: a group of a pattern that matched, the first part of a text
// that was split, an item of a list whose length is known. An absent one is a bug, and throws an Error that is no Failure.

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
