// Guards for values that were read from disk. A record may be undamaged but written by another version of the
// project.

/** Whether a value is an object with names and values. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

/** Whether all values of an object are strings. */
export function isTextTable(value: unknown): value is Readonly<Record<string, string>> {
  return isTable(value) && Object.values(value).every(isText);
}

/** Whether a value is a list of strings. */
export function isTexts(value: unknown): value is readonly string[] {
  return isListOf(value, isText);
}

export function isListOf<T>(value: unknown, is: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

/** Returns the guard of a value that may be null. */
export function orNull<T>(is: (value: unknown) => value is T): (value: unknown) => value is T | null {
  return (value): value is T | null => value === null || is(value);
}
