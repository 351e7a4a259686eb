// Extended attributes of a file: names with values that are bytes, as in xattr(7). Of the formats here, ext2,
// ext3 and ext4 have them. The value of "security.capability" is also read and written here (Linux,
// include/uapi/linux/capability.h, struct vfs_cap_data, and capabilities(7)).
import { Buffer } from 'node:buffer';
import { byCodeUnit } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';

/** Name -> value, sorted by name. The name has its namespace in front: "security.capability". */
export type Xattrs = ReadonlyMap<string, Uint8Array>;

/** In bytes, in Linux. */
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

/** Returns the attributes as a record for JSON: values in base64. */
export function xattrRecord(xattrs: Xattrs): Readonly<Record<string, string>> {
  return Object.fromEntries([...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
}

export function xattrsOfRecord(record: Readonly<Record<string, string>>): Xattrs {
  return xattrsOf(Object.entries(record).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
}

/**
 * Returns the bytes of a value in the form of setfattr(1): "0x" and hexadecimal digits, "0s" and base64, or
 * text.
 */
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

/**
 * Returns the extended attributes and the inode of an entry for digests. The list is empty for an entry
 * without them.
 */
export function describedExtras({ xattrs, inode }: { readonly xattrs?: Xattrs; readonly inode?: string }): readonly Json[] {
  return xattrs?.size || inode !== undefined ? [{ xattrs: xattrRecord(xattrs ?? new Map()), inode: inode ?? null }] : [];
}

/**
 * Throws a Failure that names the first path whose extended attributes a format cannot store. `format`: "a
 * FAT".
 */
export function refuseXattrs({ entries }: { readonly entries: ReadonlyMap<string, { readonly xattrs?: Xattrs }> }, format: string): void {
  for (const [path, { xattrs }] of entries) {
    const [name] = xattrs?.keys() ?? [];
    if (name === undefined) continue;
    throw cannot(`write ${JSON.stringify(path)} into ${format}`, `it has the extended attribute "${name}", and ${format} cannot hold it`, {
      hint: 'use an ext4 for the file, or leave the attribute out',
    });
  }
}

export const capabilityXattr = 'security.capability';

/** Indexed by the number of their bit. */
const capabilityNames =
  `chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin
  net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config
  mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`
    .split(/\s+/)
    .map((name) => `cap_${name}`);

/**
 * The revision is the highest byte of the first word. Its lowest bit means that permitted capabilities are
 * effective.
 */
const revision = { 2: 0x0200_0000, 3: 0x0300_0000 } as const;
const revisionBits = 0xff00_0000;
const effectiveBit = 1;
/**
 * Bytes: the first word, then permitted and inheritable capabilities 0 to 31, then 32 to 63. Revision 3 also
 * has the number of a user.
 */
const capabilityBytes = { [revision[2]]: 20, [revision[3]]: 24 } as const;

/**
 * Returns the value that makes capabilities permitted and effective: setcap's "cap_net_raw+ep". An unknown
 * name is a Failure.
 */
export function capabilityValue(wanted: readonly string[]): Buffer {
  let permitted = 0n;
  for (const name of wanted) {
    const bit = capabilityNames.indexOf(name);
    if (bit < 0)
      throw cannot(`give a file the capability "${name}"`, 'it does not exist', {
        hint: `the names are ${capabilityNames.join(', ')}`,
      });
    permitted |= 1n << BigInt(bit);
  }
  const value = Buffer.alloc(capabilityBytes[revision[2]]);
  value.writeUInt32LE(revision[2] | effectiveBit, 0);
  value.writeUInt32LE(Number(permitted & 0xffff_ffffn), 4);
  value.writeUInt32LE(Number(permitted >> 32n), 12);
  return value;
}

/** Returns the value in the form of getcap(8), "cap_net_raw=ep", or undefined for a value of another form. */
export function capabilityText(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes.length < 4) return undefined;
  const word = bytes.readUInt32LE(0);
  const size = Object.entries(capabilityBytes).find(([known]) => Number(known) === (word & revisionBits) >>> 0)?.[1];
  if (bytes.length !== size) return undefined;
  const has = (bit: number, atBytes: number): boolean => (bytes.readUInt32LE(atBytes + (bit >= 32 ? 8 : 0)) & (1 << (bit % 32))) !== 0;
  const byFlags = new Map<string, string[]>();
  for (let bit = 0; bit < 64; bit++) {
    const [permitted, inheritable] = [has(bit, 4), has(bit, 8)];
    if (!permitted && !inheritable) continue;
    const flags = `${(word & effectiveBit) === 0 ? '' : 'e'}${inheritable ? 'i' : ''}${permitted ? 'p' : ''}`;
    byFlags.set(flags, [...(byFlags.get(flags) ?? []), capabilityNames[bit] ?? `cap_${bit}`]);
  }
  return [...byFlags].map(([flags, of]) => `${of.join(',')}=${flags}`).join(' ');
}
