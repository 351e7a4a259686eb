// Rows of a page that contain only the differences to another row.
import { cannot } from './errors.ts';

/** A whole row, or the differences to the row that it extends. */
export type Extending<Row, Name extends string = string> = Row | (Partial<Row> & { readonly extends: Name });

/**
 * Returns the rows with everything that they extend. A field of a row replaces the whole field that it
 * extends.
 */
export function extended<Row extends object, const Name extends string>(
  rows: Readonly<Record<Name, Extending<Row, NoInfer<Name>>>>,
): Readonly<Record<Name, Row>> {
  const whole = (name: Name, above: readonly Name[]): Row => {
    if (above.includes(name)) throw cannot(`extend "${name}"`, `the rows extend each other: ${[...above, name].join(' -> ')}`);
    const row: Extending<Row, Name> | undefined = Object.hasOwn(rows, name) ? rows[name] : undefined;
    if (row === undefined) throw cannot(`extend "${name}"`, `there is no such row; the rows are ${Object.keys(rows).join(', ')}`);
    if (!('extends' in row)) return row;
    const { extends: base, ...own } = row;
    return { ...whole(base, [...above, name]), ...own };
  };
  const names = Object.keys(rows) as Name[];
  return Object.fromEntries(names.map((name) => [name, whole(name, [])])) as Record<Name, Row>;
}
