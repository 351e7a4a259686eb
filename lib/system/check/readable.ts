// Finds values of a page that cannot be read to their end: a table that contains itself, and a field whose getter throws.
import { pathText } from '../../core/schema.ts';
import type { Complaint } from '../../core/schema.ts';

/** Returns the first such value below `value`, which is at `path`. `above`: the tables and lists that contain it. */
export function unreadable(value: unknown, path: readonly string[] = [], above: readonly object[] = []): Complaint | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (above.includes(value)) return { path: pathText(path), why: 'it contains itself', hint: undefined };
  for (const key of Object.keys(value)) {
    const at = [...path, key];
    let field: unknown;
    try {
      field = Reflect.get(value, key);
    } catch (error) {
      return { path: pathText(at), why: `it throws "${error instanceof Error ? error.message : String(error)}"`, hint: undefined };
    }
    const complaint = unreadable(field, at, [...above, value]);
    if (complaint) return complaint;
  }
  return undefined;
}
