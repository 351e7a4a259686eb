// Explains why an action was a miss: computes the difference of its record and an earlier one, and describes
// it. The key is the digest of the record, so the cause of a changed key is always among the differences.
// This module only computes. It knows neither where records are stored nor what a unit is.
import { posix } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { byCodeUnit, canonicalJson } from '../../core/digest.ts';
import { itemOf, matched } from '../../core/errors.ts';
import type { ActionRecord } from '../action.ts';
import { recordJson } from '../action.ts';
import type { History, Origin } from './history.ts';
import { here, plainPlace, root } from '../place.ts';

/**
 * One difference of two records. `field` is a field of the record. `name` is the tool, variable, place or
 * argument in it, or "" if the field has a single value. A missing value is undefined. A missing file is
 * "absent".
 */
export interface Difference {
  readonly field: string;
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Returns all differences of two records. The list is empty exactly if their keys are equal. */
export function differences(before: ActionRecord, after: ActionRecord): readonly Difference[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const found = [...new Set([...old.keys(), ...now.keys()])].flatMap((field): Difference[] => {
    const [was, is] = [old.get(field) ?? new Map<string, string>(), now.get(field) ?? new Map<string, string>()];
    const names = [...new Set([...was.keys(), ...is.keys()])].filter((name) => was.get(name) !== is.get(name));
    return names.sort(byCodeUnit).map((name) => ({ field, name, before: was.get(name), after: is.get(name) }));
  });
  if (found.length > 0 || canonicalJson(recordJson(before)) === canonicalJson(recordJson(after))) return found;
  return [{ field: 'argv', name: 'order', before: before.argv.join(' '), after: after.argv.join(' ') }];
}

/**
 * Returns a record as field -> name -> value. It covers all fields, so fields that are added later are
 * compared too.
 */
function fieldsOf(record: ActionRecord): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const rows = Object.entries(recordJson(record) as { readonly [field: string]: Json }).map(([field, value]) => {
    if (Array.isArray(value)) return [field, argumentsOf(value.map(String))] as const;
    if (typeof value !== 'object' || value === null) return [field, new Map([['', String(value)]])] as const;
    return [field, new Map(Object.entries(value).map(([name, inner]) => [name, inner === null ? 'absent' : textOf(inner)]))] as const;
  });
  return new Map(rows);
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : canonicalJson(value);
}

/**
 * Returns arguments as option -> values: `-C opt-level=3` is "-C opt-level" with the value "3". An option
 * that may be repeated (`--cfg`, `--extern`) is a separate option for each value, so that a new value is
 * reported separately.
 */
function argumentsOf(argv: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at++) {
    const word = itemOf(argv, at);
    const next = argv[at + 1];
    const isPair = /^-[^=]*$/.test(word) && next !== undefined && !next.startsWith('-');
    if (isPair) at++;
    const text = isPair ? `${word} ${next}` : word;
    const cut = (isPair && /^--(?:check-)?cfg$/.test(word)) || !text.startsWith('-') ? -1 : text.indexOf('=');
    const [name, value] = cut === -1 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return new Map([...found].map(([name, values]) => [name, values.join(' ')]));
}

/**
 * Explains why `label` is a miss: the differences to the most similar of its last results. `recordAgainst`
 * completes the current record with the names of the files that an earlier result read.
 */
export async function missReasons(
  label: string,
  history: Pick<History, 'keysOf' | 'origin'>,
  recordAgainst: (origin: Origin) => Promise<ActionRecord>,
): Promise<readonly string[]> {
  let nearest: readonly string[] = ['first time'];
  let fewest = Infinity;
  for (const key of await history.keysOf(label)) {
    const before = await history.origin(key);
    if (!before) continue;
    const found = differences(before.record, await recordAgainst(before));
    if (found.length >= fewest) continue;
    fewest = found.length;
    nearest = found.length === 0 ? ['its result is no longer in the cache'] : reasonsOf(found);
  }
  return nearest;
}

const toolWords: Readonly<Record<string, string>> = {
  rustc: 'the compiler',
  target: "the target's standard library",
  linker: 'the linker',
  nativeLibraries: 'the set of native libraries',
};

/** The order of the clauses: causes come before their consequences. */
const fieldOrder = ['format', 'kind', 'tools', 'sandbox', 'checkout', 'files', 'trees', 'argv', 'env', 'inputs', 'layout'];

/**
 * Returns the differences as short clauses without duplicates, the most informative first: "greeter/words.txt
 * changed", "the compiler changed". Differences only in the hash that names the files of a unit come last, as
 * one clause.
 */
export function reasonsOf(found: readonly Difference[]): readonly string[] {
  const rank = ({ field }: Difference): number => (fieldOrder.indexOf(field) + fieldOrder.length + 1) % (fieldOrder.length + 1);
  const [renamed, real] = [found.filter((difference) => onlyRenamed(difference, found)), found.filter((it) => !onlyRenamed(it, found))];
  const clauses = [...real].sort((a, b) => rank(a) - rank(b)).map(clauseOf);
  return [...new Set([...clauses, ...(renamed.length > 0 ? ["the unit's own name changed (what it is, or depends on)"] : [])])];
}

/**
 * Whether a difference consists only of hashes that name units. A new name of an input is reported as a
 * change of that input.
 */
function onlyRenamed({ field, name, before, after }: Difference, all: readonly Difference[]): boolean {
  if (field === 'inputs' || field === 'layout' || field === 'files' || field === 'trees' || field === 'tools') return false;
  if (before !== undefined && after !== undefined) return withoutHashes(before) === withoutHashes(after);
  const twin = (other: Difference): boolean =>
    other.field === field && (other.before === undefined) !== (before === undefined) && withoutHashes(other.name) === withoutHashes(name);
  return withoutHashes(name) !== name && all.some(twin);
}

function withoutHashes(text: string): string {
  return text.replace(/(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])/g, '#');
}

function clauseOf({ field, name, before, after }: Difference): string {
  switch (field) {
    case 'tools':
      return `${toolWords[name] ?? `the tool ${name}`} changed`;
    case 'files':
      return fileClause(name, before, after);
    case 'trees':
      return `the source of ${shownPlace(name)} ${verb(before, after)}`;
    case 'inputs':
    case 'layout':
      return `${inputWords(name)} changed`;
    case 'env':
      return `the variable ${name} ${valueVerb(before, after)}`;
    case 'argv':
      return name === 'order' ? 'the order of its arguments changed' : `the argument ${name} ${valueVerb(before, after)}`;
    case 'sandbox':
      return after === 'none' ? 'it is built without a sandbox now' : 'it was built without a sandbox';
    case 'checkout':
      return before === undefined ? 'it is compiled incrementally now' : 'its last result belongs to another checkout';
    default:
      return `its ${field}${name && ` ${name}`} ${valueVerb(before, after)}`;
  }
}

/** Describes a place of `files`, which may have an aspect: the names in a folder, or everything below it. */
function fileClause(place: string, before: string | undefined, after: string | undefined): string {
  const path = shownPlace(plainPlace(place));
  const isHere = after !== undefined && after !== 'absent';
  const wasHere = before !== undefined && before !== 'absent';
  if (place.endsWith('//names'))
    return isHere && wasHere ? `the names in ${path} changed` : `the folder ${path} is ${isHere ? 'new' : 'gone'}`;
  if (isHere && wasHere) return /\/\/(?:package|repository)$/.test(place) ? `a file in ${path} changed` : `${path} changed`;
  return isHere ? `${path} is new` : `${path} is gone`;
}

function verb(before: string | undefined, after: string | undefined): string {
  return before === undefined ? 'is new' : after === undefined ? 'is gone' : 'changed';
}

function valueVerb(before: string | undefined, after: string | undefined): string {
  if (before === undefined) return after ? `is new: ${quoted(after)}` : 'is new';
  if (after === undefined) return before ? `is gone (it was ${quoted(before)})` : 'is gone';
  return `changed from ${quoted(before)} to ${quoted(after)}`;
}

const longestValue = 60;

function quoted(value: string): string {
  return `"${value.length > longestValue ? `${value.slice(0, longestValue)}...` : value}"`;
}

/**
 * Returns a place of the user relative to the user's common folder. For other places, returns the part after
 * the word for its kind.
 */
function shownPlace(place: string): string {
  if (place.startsWith(`${root}/above/`)) return posix.relative(here, place) || '.';
  if (!place.startsWith(`${root}/`)) return place;
  const inside = place.slice(root.length + 1);
  const cut = inside.indexOf('/');
  return cut === -1 || cut === inside.length - 1 ? inside : posix.normalize(inside.slice(cut + 1));
}

/** Describes artifacts of other actions by the action that produced them. The hash in their names is left out. */
function inputWords(place: string): string {
  const shown = shownPlace(place).replace(/-[0-9a-f]{16}(?=[./]|$)/, '');
  const library = /^lib(.+)\.(?:rlib|rmeta|so|dylib|a)$/.exec(shown);
  if (library) return `the dependency ${matched(library, 1)}`;
  const [owner = '', ...rest] = shown.split('/');
  if (rest[0] === 'out') return `what the build script of ${owner} wrote`;
  return rest[0] === 'build-script-build' ? `the build script of ${owner}` : shown;
}
