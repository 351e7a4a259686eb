// Extended attributes of a file: names with values that are bytes, as in xattr(7). Of the formats here, ext2, ext3 and ext4 have them.
import { Buffer } from 'node:buffer';
import { byCodeUnit } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';

/** Name -> value, sorted by name. The name has its namespace in front: "security.capability". */
export type Xattrs = ReadonlyMap<string, Uint8Array>;

/** Bytes, in Linux. */
const longestName = 255;

export function xattrsOf(rows: Iterable<readonly [name: string, value: Uint8Array]>): Xattrs {
  return new Map([...rows].sort(([a], [b]) => byCodeUnit(a, b)));
}

export function sameXattrs(left: Xattrs = new Map(), right: Xattrs = new Map()): boolean {
  return (
    left.size === right.size &&
    [...left].every(([name, value]) => Buffer.compare(value, right.get(name) ?? Buffer.alloc(0)) === 0 && right.has(name))
  );
}

/** The attributes as a record that JSON keeps: values in base64. */
export function xattrRecord(xattrs: Xattrs): Readonly<Record<string, string>> {
  return Object.fromEntries([...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
}

export function xattrsOfRecord(record: Readonly<Record<string, string>>): Xattrs {
  return xattrsOf(Object.entries(record).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
}

/** The bytes of a value as setfattr(1) takes it: "0x" and hexadecimal digits, "0s" and base64, or text. */
export function xattrValue(text: string): Buffer {
  if (/^0x(?:[0-9a-f]{2})*$/i.test(text)) return Buffer.from(text.slice(2), 'hex');
  if (/^0s[a-z0-9+/]*={0,2}$/i.test(text)) return Buffer.from(text.slice(2), 'base64');
  if (/^0[xs]/i.test(text))
    throw cannot(`use "${text}" as the value of an extended attribute`, 'its digits are not whole bytes in hexadecimal or base64');
  return Buffer.from(text);
}

/** Returns why a name cannot be that of an extended attribute, if so. */
export function badXattrName(name: string): string | undefined {
  if (!name.isWellFormed()) return `${JSON.stringify(name)} is not well-formed Unicode`;
  if (!/^(?:user|trusted|security|system)\.[^\0\n\r]+$/.test(name)) {
    return `"${name}" does not begin with user., trusted., security. or system., or has a line end`;
  }
  return Buffer.byteLength(name) > longestName ? `"${name}" has more than ${longestName} bytes` : undefined;
}

/** The extended attributes and the inode of an entry for digests. The list is empty for an entry that has neither. */
export function describedExtras({ xattrs, inode }: { readonly xattrs?: Xattrs; readonly inode?: string }): readonly Json[] {
  return xattrs?.size || inode !== undefined ? [{ xattrs: xattrRecord(xattrs ?? new Map()), inode: inode ?? null }] : [];
}

/** Throws a Failure that names the first path whose extended attributes a format cannot hold. `format`: "a FAT". */
export function refuseXattrs({ entries }: { readonly entries: ReadonlyMap<string, { readonly xattrs?: Xattrs }> }, format: string): void {
  for (const [path, { xattrs }] of entries) {
    const [name] = xattrs?.keys() ?? [];
    if (name === undefined) continue;
    throw cannot(`write ${JSON.stringify(path)} into ${format}`, `it has the extended attribute "${name}", and ${format} cannot hold it`, {
      hint: 'use an ext4 for the file, or leave the attribute out',
    });
  }
}
