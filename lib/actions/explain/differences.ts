// Why an action was a miss: the difference of its record and an earlier one, and that difference in words. The key is the digest of
// the record, so what changed a key is always among the differences. Only computes; knows neither where records are kept nor what a unit is.
import { posix } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { byCodeUnit, canonicalJson } from '../../core/digest.ts';
import { itemOf, matched } from '../../core/errors.ts';
import type { ActionRecord } from '../action.ts';
import { recordJson } from '../action.ts';
import type { History, Origin } from './history.ts';
import { here, plainPlace, root } from '../place.ts';

/**
 * One thing that two records do not have in common. `field` is that of the record; `name` is the tool, variable, place or argument within it, ""
 * where the field has one value. A value that is not there is undefined; a file that is not there is "absent".
 */
export interface Difference {
  readonly field: string;
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** All differences of two records. None exactly when their keys are the same. */
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

/** A record as field -> name -> value, whatever fields it has: one that is added later is compared as well. */
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
 * Arguments as option -> values: `-C opt-level=3` is "-C opt-level" with the value "3". What may be given several times (`--cfg`, `--extern`) is
 * an option for each value, so that one that is new is told by itself.
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
 * Why `label` is a miss, in words: the difference to that of its last results that is nearest. `recordAgainst` completes the record of now with the
 * names of what an earlier result read.
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

/** In this order they are told: causes before what follows from them. */
const fieldOrder = ['format', 'kind', 'tools', 'sandbox', 'checkout', 'files', 'trees', 'argv', 'env', 'inputs', 'layout'];

/**
 * Differences as short clauses for people, the most telling first, each said once: "greeter/words.txt changed", "the compiler changed". What
 * differs only in the hash that names a unit's files comes last, as one clause.
 */
export function reasonsOf(found: readonly Difference[]): readonly string[] {
  const rank = ({ field }: Difference): number => (fieldOrder.indexOf(field) + fieldOrder.length + 1) % (fieldOrder.length + 1);
  const [renamed, real] = [found.filter((difference) => onlyRenamed(difference, found)), found.filter((it) => !onlyRenamed(it, found))];
  const clauses = [...real].sort((a, b) => rank(a) - rank(b)).map(clauseOf);
  return [...new Set([...clauses, ...(renamed.length > 0 ? ["the unit's own name changed (what it is, or depends on)"] : [])])];
}

/** Does it differ only in hashes that name units? A new name of an input is told as a change of that input. */
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

/** A place of `files`, which may have an aspect: the names in a folder, or everything below it. */
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

/** A place of the user's, relative to the user's common folder; of another place below the root, what follows the word for its kind. */
function shownPlace(place: string): string {
  if (place.startsWith(`${root}/above/`)) return posix.relative(here, place) || '.';
  if (!place.startsWith(`${root}/`)) return place;
  const inside = place.slice(root.length + 1);
  const cut = inside.indexOf('/');
  return cut === -1 || cut === inside.length - 1 ? inside : posix.normalize(inside.slice(cut + 1));
}

/** Artifacts of other actions by who made them; the hash in their names says nothing to people. */
function inputWords(place: string): string {
  const shown = shownPlace(place).replace(/-[0-9a-f]{16}(?=[./]|$)/, '');
  const library = /^lib(.+)\.(?:rlib|rmeta|so|dylib|a)$/.exec(shown);
  if (library) return `the dependency ${matched(library, 1)}`;
  const [owner = '', ...rest] = shown.split('/');
  if (rest[0] === 'out') return `what the build script of ${owner} wrote`;
  return rest[0] === 'build-script-build' ? `the build script of ${owner}` : shown;
}
