// Formats the entries of an image for users: one line each, like ls. A name with control characters is
// quoted, so that it can neither end its line nor change the terminal.
import { encodePath } from '../../core/paths.ts';
import type { Json } from '../../core/digest.ts';
import { capabilityText, capabilityXattr, xattrRecord } from '../xattrs.ts';
import { imagePathOf } from './image-reader.ts';
import type { ImageVolume } from './image-reader.ts';
import type { VolumeEntry } from './volume.ts';

/**
 * Returns a line of a listing: `-rwxr-xr-x 0:0 1234 root/usr/bin/x`, with the target of a link after it, and
 * in braces its further properties: other names (hard links) and extended attributes. A device has its
 * numbers instead of a size.
 */
export function listingLine(volume: ImageVolume, entry: VolumeEntry, sizeColumns: number): string {
  const target = entry.target === undefined ? '' : ` -> ${shownName(entry.target)}`;
  const owner = `${entry.uid}:${entry.gid}`.padStart(9);
  const size = sizeText(entry).padStart(sizeColumns);
  const extras = [...linkText(entry), ...xattrTexts(entry)].join(', ');
  const path = shownName(imagePathOf(volume, entry.path));
  return `${modeText(entry)} ${owner} ${size} ${path}${target}${extras === '' ? '' : ` {${extras}}`}`;
}

/** Returns "inode 12 with 3 names" for a file with several names. */
function linkText({ links }: VolumeEntry): readonly string[] {
  return links ? [`inode ${links.inode} with ${links.count} names`] : [];
}

/** Returns "security.capability=cap_net_raw=ep" and the names of other attributes. */
export function xattrTexts({ xattrs = new Map() }: Pick<VolumeEntry, 'xattrs'>): readonly string[] {
  return [...xattrs].map(([name, value]) => {
    const capabilities = name === capabilityXattr ? capabilityText(value) : undefined;
    return capabilities === undefined ? shownName(name) : `${name}=${capabilities}`;
  });
}

/** Returns the size in bytes, or "MAJOR,MINOR" for a device. */
export function sizeText({ sizeBytes, special }: Pick<VolumeEntry, 'sizeBytes' | 'special'>): string {
  return special?.device?.join(',') ?? String(sizeBytes);
}

const controls = /[\0-\x1f\x7f-\x9f]/;

/**
 * Returns a name unchanged, or, if it has control characters, in the form `$'new\nline'`, which bash and zsh
 * can read.
 */
export function shownName(name: string): string {
  if (!controls.test(name)) return name;
  const escaped = [...name].map((character) => {
    if (character === '\n' || character === '\t' || character === '\r') return { '\n': '\\n', '\t': '\\t', '\r': '\\r' }[character];
    if (character === '\\' || character === "'") return `\\${character}`;
    if (!controls.test(character) && character.isWellFormed()) return character;
    return [...Buffer.from(encodePath(character))].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  });
  return `$'${escaped.join('')}'`;
}

/** Returns the mode as in ls: the kind, three times rwx, with s and t for the set-id and sticky bits. */
export function modeText({ kind, mode, special: file }: Pick<VolumeEntry, 'kind' | 'mode' | 'special'>): string {
  const letter = file ? specialLetters[file.type] : { directory: 'd', file: '-', symlink: 'l', other: '?' }[kind];
  const special = [
    [0o4000, 'sS'],
    [0o2000, 'sS'],
    [0o1000, 'tT'],
  ] as const;
  const triples = special.map(([bit, letters], i) => {
    const bits = (mode >> (6 - 3 * i)) & 7;
    const execute = (bits & 1) !== 0;
    const last = (mode & bit) !== 0 ? letters[execute ? 0 : 1] : execute ? 'x' : '-';
    return `${(bits & 4) !== 0 ? 'r' : '-'}${(bits & 2) !== 0 ? 'w' : '-'}${last}`;
  });
  return `${letter}${triples.join('')}`;
}

const specialLetters = { 'character device': 'c', 'block device': 'b', pipe: 'p', socket: 's' } as const;

/**
 * Returns the entry for --json. Values of extended attributes are in base64. A byte that is not UTF-8 is a
 * lone surrogate (lib/core/paths.ts).
 */
export function listingRecord(volume: ImageVolume, entry: VolumeEntry): Json {
  const { path, kind, mode, uid, gid, sizeBytes, target, special, links, xattrs } = entry;
  const record = {
    ...{ path: imagePathOf(volume, path), kind, mode: mode.toString(8).padStart(4, '0'), uid, gid, bytes: sizeBytes },
    ...(links && { inode: links.inode, links: links.count }),
    ...(xattrs && { xattrs: xattrRecord(xattrs) }),
  };
  if (special) return { ...record, special: special.type, ...(special.device && { device: [...special.device] }) };
  return target === undefined ? record : { ...record, target };
}
