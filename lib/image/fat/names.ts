// Names in a FAT: which names are valid, which names are equal for its readers, and the short name that every
// file has in addition to its own (Microsoft's FAT specification 1.03, sections 6.1 and 7).
import { cannot } from '../../core/errors.ts';
import { formatBytes, GiB } from '../../core/sizes.ts';
import { contentSize, nameOf } from '../file-tree.ts';
import type { FileTree } from '../file-tree.ts';
import { lowerCaseBitsOf, unitsPerSlot } from './format.ts';
import type { NewRecord } from './format.ts';
import { refuseXattrs } from '../xattrs.ts';

/** UTF-16 units. */
const longestName = 255;
const longestLabel = 11;
const largestFile = 4 * GiB - 1;
const shortCharacters = "[A-Z0-9!#$%&'()@^_`{}~-]";
const shortForm = new RegExp(`^(${shortCharacters}{1,8})(?:\\.(${shortCharacters}{1,3}))?$`);
/** "~1" to "~999999" fit after at least one letter. */
const mostNumbers = 999_999;

export type FatName = Pick<NewRecord, 'shortName' | 'lowerCaseBits' | 'longName'>;

/** Throws a Failure that names the path if a FAT cannot store an entry of the tree. */
export function refuseForFat(tree: FileTree): void {
  refuseXattrs(tree, 'a FAT');
  const folded = new Map<string, string>();
  for (const [path, entry] of tree.entries) {
    const what = `write "${path}" into a FAT`;
    if (entry.kind === 'symlink') throw cannot(what, 'FAT has no symbolic links', { hint: 'leave the link out, or write the file itself' });
    if (/["*:<>?\\|\u0000-\u001f]/.test(path) || /[. ](\/|$)/.test(path)) {
      throw cannot(what, 'FAT allows no control characters, none of " * : < > ? \\ | and no dot or blank at the end of a name');
    }
    const units = nameOf(path).length;
    if (units > longestName) throw cannot(what, `its name has ${units} UTF-16 units, and the limit of FAT is ${longestName}`);
    if (entry.kind === 'file' && contentSize(entry.content) > largestFile) {
      throw cannot(what, `it has ${formatBytes(contentSize(entry.content))}, and a file in a FAT has less than 4 GiB`);
    }
    const other = folded.get(foldedName(path));
    if (other !== undefined) throw cannot(what, 'another name differs from it only in case', { hint: `the other one is "${other}"` });
    folded.set(foldedName(path), path);
  }
}

/** Throws a Failure if a FAT cannot have the label. */
export function refuseFatLabel(label: string): void {
  const what = `make the FAT "${label}"`;
  const hint = "change the partition's label on the page";
  if (label.length > longestLabel)
    throw cannot(what, `its label has ${label.length} letters, and the limit of FAT is ${longestLabel}`, { hint });
  if (!/^[\x21-\x7e][\x20-\x7e]*$/.test(label) || /["*+,./:;<=>?[\\\]|]/.test(label)) {
    throw cannot(what, 'its label may have letters of ASCII, digits, blanks and signs, and none of " * + , . / : ; < = > ? [ \\ ] |', {
      hint,
    });
  }
}

/**
 * Returns a name in the form in which readers compare it: each character in upper case if that is one
 * character.
 */
export function foldedName(name: string): string {
  return [...name].map((character) => oneCharacter(oneCharacter(character, 'toLowerCase'), 'toUpperCase')).join('');
}

function oneCharacter(character: string, change: 'toLowerCase' | 'toUpperCase'): string {
  const changed = character[change]();
  return [...changed].length === 1 ? changed : character;
}

/** Returns the number of slots of a name in its directory. */
export function slotsOf(name: string): number {
  return 1 + (exactName(name) ? 0 : Math.ceil(name.length / unitsPerSlot));
}

/** The short names of one directory. */
export class ShortNames {
  readonly #taken: Set<string>;
  /** The part before "~" -> the last number after it. */
  readonly #numbers = new Map<string, number>();

  /** `taken`: the existing ones, as they are stored. */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /**
   * Reserves the short names of names that have no other form, so that they are not assigned to earlier
   * names.
   */
  reserve(names: readonly string[]): void {
    for (const name of names) {
      const exact = exactName(name);
      if (exact) this.#taken.add(exact.shortName);
    }
  }

  /** Returns the stored form of a name. */
  of(name: string): FatName {
    const exact = exactName(name);
    if (exact) return exact;
    const dot = name.lastIndexOf('.');
    const base = shortened(dot > 0 ? name.slice(0, dot) : name) || '_';
    const extension = dot > 0 ? shortened(name.slice(dot + 1)).slice(0, 3) : '';
    for (let digits = 1; digits <= String(mostNumbers).length; digits++) {
      const start = base.slice(0, 8 - 1 - digits);
      const key = `${start}.${extension}.${digits}`;
      for (let number = (this.#numbers.get(key) ?? 10 ** (digits - 1) - 1) + 1; number < 10 ** digits; number++) {
        this.#numbers.set(key, number);
        const shortName = padded(`${start}~${number}`, extension);
        if (this.#taken.has(shortName)) continue;
        this.#taken.add(shortName);
        return { shortName, lowerCaseBits: 0, longName: name };
      }
    }
    throw cannot(`write "${name}" into a FAT`, 'its directory has too many names that begin alike');
  }
}

/** Returns the stored form of a name that can be a short name, or undefined if it cannot. */
export function asShortName(name: string): string | undefined {
  return exactName(name.toUpperCase())?.shortName;
}

/**
 * Returns the stored form of a name that needs no long one: at most 8 letters, a dot and 3, each part in one
 * case.
 */
function exactName(name: string): FatName | undefined {
  const [, base, extension = ''] = shortForm.exec(name.toUpperCase()) ?? [];
  if (base === undefined || !/^[\x21-\x7e]+$/.test(name)) return undefined;
  const [ownBase = '', ownExtension = ''] = name.split('.');
  if ([ownBase, ownExtension].some((part) => part !== part.toUpperCase() && part !== part.toLowerCase())) return undefined;
  const bits = lowerCaseBitsOf(ownBase !== ownBase.toUpperCase(), ownExtension !== ownExtension.toUpperCase());
  return { shortName: padded(base, extension), lowerCaseBits: bits };
}

/** Returns the characters of a name that a short name may contain. Others are replaced. */
function shortened(text: string): string {
  return text
    .toUpperCase()
    .replace(/[. ]/g, '')
    .replace(new RegExp(`(?!${shortCharacters}).`, 'gsu'), '_');
}

function padded(base: string, extension: string): string {
  return base.padEnd(8) + extension.padEnd(3);
}
