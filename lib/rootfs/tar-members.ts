// Reads the members of a tar archive from their headers: ustar, pax (POSIX.1-2017, pax, "pax Interchange
// Format") and GNU's long names. GNU tar does not list the values of extended attributes, and lists their
// names without an unambiguous end. tar(1) unpacks the contents.
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { decodeName } from '../core/paths.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import { MiB } from '../core/sizes.ts';
import { xattrsOf } from '../image/xattrs.ts';
import type { Xattrs } from '../image/xattrs.ts';

export interface TarMember {
  /**
   * The path as the archive contains it, for example "./usr/bin/". A byte that is not UTF-8 is kept
   * (lib/core/paths.ts).
   */
  readonly path: string;
  readonly type: 'file' | 'hard link' | 'symlink' | 'directory' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Size of a file. 0 for all other types. */
  readonly sizeBytes: number;
  /** Target of a symbolic link. For a hard link, the path of the member with the content. */
  readonly target: string;
  readonly xattrs: Xattrs;
}

const blockBytes = 512;
/** Limit for a header of names and attributes. */
const mostHeaderBytes = MiB;
const types: Readonly<Record<string, TarMember['type']>> = {
  ...{ '0': 'file', '\0': 'file', '7': 'file', '1': 'hard link', '2': 'symlink', '5': 'directory' },
  ...{ '3': 'other', '4': 'other', '6': 'other' },
};
/** Offset and length in bytes of the fields of a header. */
const field = {
  ...{ name: [0, 100], mode: [100, 8], uid: [108, 8], gid: [116, 8], size: [124, 12], checksum: [148, 8], type: [156, 1] },
  ...{ target: [157, 100], magic: [257, 6], prefix: [345, 155] },
} as const satisfies Record<string, readonly [number, number]>;

/** Records of pax: key -> value. */
type Records = ReadonlyMap<string, Buffer>;
/**
 * Records that are not supported here. Without them, the member would differ from the archive, so they are an
 * error.
 */
const unreadRecord = /^(?:SCHILY\.acl\.|LIBARCHIVE\.xattr\.|GNU\.sparse\.)/;
const xattrRecord = 'SCHILY.xattr.';
const selinuxRecord = 'RHT.security.selinux';

/** Yields the members in order. A truncated or damaged archive, and a member of an unknown type, are Failures. */
export function* tarMembers(archive: string): Generator<TarMember> {
  const what = `read the archive "${archive}"`;
  const bad = (why: string): Error => cannot(what, why);
  let fd: number;
  try {
    fd = openSync(archive, 'r');
  } catch (error) {
    throw cannotBecause(what, error);
  }
  const read = (atBytes: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    for (let done = 0, count = 1; done < length; done += count) {
      count = readSync(fd, bytes, done, length - done, atBytes + done);
      if (count === 0) throw bad('it is cut off');
    }
    return bytes;
  };
  try {
    let [common, own]: [Records, Records] = [new Map(), new Map()];
    for (let at = 0; ;) {
      const header = read(at, blockBytes);
      if (header.every((byte) => byte === 0)) return;
      if (!hasSum(header)) throw bad(`the header at byte ${at} is damaged`);
      const type = header.toString('latin1', ...span('type'));
      const records = new Map([...common, ...own]);
      const isSized = types[type] === undefined || types[type] === 'file';
      const sizeBytes = isSized ? (numberOf(records.get('size')) ?? octal(header, 'size')) : 0;
      if (sizeBytes === undefined) throw bad(`the header at byte ${at} has no size`);
      const content = at + blockBytes;
      at = content + Math.ceil(sizeBytes / blockBytes) * blockBytes;
      if ('xgLK'.includes(type)) {
        if (sizeBytes > mostHeaderBytes) throw bad(`a header has ${sizeBytes} bytes`);
        const bytes = read(content, sizeBytes);
        if (type === 'g') common = new Map([...common, ...paxRecords(bytes, bad)]);
        else if (type === 'x') own = new Map([...own, ...paxRecords(bytes, bad)]);
        else own = new Map([...own, [type === 'L' ? 'path' : 'linkpath', upToZero(bytes)]]);
        continue;
      }
      yield memberOf(header, records, sizeBytes, bad);
      own = new Map();
    }
  } finally {
    closeSync(fd);
  }
}

function memberOf(header: Buffer, records: Records, sizeBytes: number, bad: (why: string) => Error): TarMember {
  const path = decodeName(records.get('path') ?? nameIn(header));
  const letter = header.toString('latin1', ...span('type'));
  const type = types[letter];
  const about = (why: string): Error => bad(`"${path}" ${why}`);
  if (type === undefined) throw about(`has the unknown type "${letter}"`);
  const unread = [...records.keys()].find((key) => unreadRecord.test(key));
  if (unread !== undefined) throw about(`has a record "${unread}", which cannot be read here`);
  const [mode, uid, gid] = [
    octal(header, 'mode'),
    numberOf(records.get('uid')) ?? octal(header, 'uid'),
    numberOf(records.get('gid')) ?? octal(header, 'gid'),
  ];
  if (mode === undefined || uid === undefined || gid === undefined) throw about('has no mode or owner');
  const target = decodeName(records.get('linkpath') ?? upToZero(header.subarray(...span('target'))));
  return { path, type, mode: mode & 0o7777, uid, gid, sizeBytes, target, xattrs: xattrsIn(records) };
}

function xattrsIn(records: Records): Xattrs {
  return xattrsOf(
    [...records].flatMap(([key, value]) => {
      if (key === selinuxRecord) return [['security.selinux', value] as const];
      // GNU tar encodes "=" and "%" in the name of an attribute as in a URL.
      const name = key.slice(xattrRecord.length).replace(/%(3D|25)/g, (_, hex) => (hex === '25' ? '%' : '='));
      return key.startsWith(xattrRecord) ? [[name, value] as const] : [];
    }),
  );
}

/**
 * Records are `LENGTH KEY=VALUE` and a line end. The length covers the whole record. A value may contain any
 * byte. An empty value removes an earlier one.
 */
function paxRecords(bytes: Buffer, bad: (why: string) => Error): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const blank = bytes.indexOf(' ', at);
    const digits = bytes.toString('latin1', at, Math.max(at, blank));
    const end = at + Number(digits);
    const sign = bytes.indexOf('=', blank);
    if (!/^[1-9]\d*$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a || sign < 0 || sign >= end) {
      throw bad('a record of an extended header is damaged');
    }
    records.set(decodeName(bytes.subarray(blank + 1, sign)), bytes.subarray(sign + 1, end - 1));
    at = end;
  }
  return records;
}

/**
 * Returns the name with its prefix. Only POSIX headers have a prefix: GNU headers have times in the same
 * position.
 */
function nameIn(header: Buffer): Buffer {
  const name = upToZero(header.subarray(...span('name')));
  const prefix = upToZero(header.subarray(...span('prefix')));
  const isPosix = header.toString('latin1', ...span('magic')) === 'ustar\0';
  return isPosix && prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name;
}

/** Returns a number, which is in octal digits, or, if the highest bit is set, in base 256. */
function octal(header: Buffer, name: keyof typeof field): number | undefined {
  const bytes = header.subarray(...span(name));
  if (((bytes[0] ?? 0) & 0x80) !== 0) {
    const value = [...bytes].reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte & 0x7f : byte), 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = upToZero(bytes).toString('latin1').trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function numberOf(value: Buffer | undefined): number | undefined {
  if (value === undefined) return undefined;
  const digits = value.toString('latin1');
  return /^\d+$/.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined;
}

function hasSum(header: Buffer): boolean {
  const [start, end] = span('checksum');
  const sum = header.reduce((total, byte, i) => total + (i >= start && i < end ? 0x20 : byte), 0);
  return octal(header, 'checksum') === sum;
}

function span(name: keyof typeof field): [start: number, end: number] {
  const [start, length] = field[name];
  return [start, start + length];
}

function upToZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
