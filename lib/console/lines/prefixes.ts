// Text before the actual text of a line. Recorders add dates and times, journals, levels, containers,
// continuous integration, vendors' kernels and indentation. Rules are matched against a line as it is and
// without these prefixes. The kernel adds its stamp, which may split the text of a program.
import type { LineRule } from '../rules.ts';

const anyOf = (patterns: readonly RegExp[]): RegExp => new RegExp(`^(?:${patterns.map(({ source }) => source).join('|')})`);

/** Prefixes that begin with a letter. Each is linear, and another prefix may follow it. */
const words = anyOf([
  // Wed Apr 17 17:03:39 2019
  /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}[: ]{0,2}/,
  // Mar  1 12:00:00 host kernel:
  /[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? (?:[\w.-]{1,64} )?(?:kernel|unknown|console|serial|qemu)(?:\[\d+\])?: /,
  /[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? (?:[\w.-]{1,64} (?=\S+\[\d+\]: ))?/,
  /(?:kern|daemon|user|auth|syslog|local\d)\.(?:emerg|alert|crit|err|error|warn|warning|notice|info|debug) (?:kernel: )?/,
  /(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|trace|debug|info|warn|error) ?[: ]{1,2}/,
  // service-1  | text, machine # text, serial: text
  /[\w.-]{1,40} {0,6}\| /,
  /[\w-]{1,20} # /,
  /(?:serial|console|kernel|guest|vm|qemu|stdout|uart\d?|ttyS\d)[:>] {1,2}/,
]);

/** A line without a sign, a time or a level has none of these prefixes. */
const hasWords = new RegExp(
  [
    /^[\w.-]{1,40} {0,6}[|#] /,
    /^[A-Z][a-z]{2},? /,
    /^(?:TRACE|DEBUG|INFO|NOTICE|WARN|ERROR|FATAL|trace|debug|info|warn|error|kern|daemon|user|auth|syslog|local)/,
    /^(?:serial|console|guest|vm|qemu|stdout|uart|ttyS)/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

/** Prefixes that do not begin with a letter. */
const signs = anyOf([
  // 2024-03-01T12:00:00.1234567Z, 2024-03-01 12:00:00,123
  /\[?\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d| UTC)?\]?[: ]{0,2}/,
  /\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}\][: ]{0,2}/,
  // 12:00:00.123
  /\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]?:? /,
  /<\d{1,3}>(?:-?\(\d+\)\[\d+:[^\]]{1,20}\] ?)?/,
  // [   73.066841857,0], of skiboot
  /\[ *\d+\.\d{6,9},\d\] /,
  /\[(?:pid|cpu|tid)[:=][^\]]{0,60}\] ?/,
  // [6:           init:    1], of phones
  /\[\d+: {0,14}[\w./-]{1,20}: {0,8}\d+\] /,
  /\[ ?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|trace|debug|info|warn|error) ?\][: ]{1,2}/,
  /(?:\(stdout\)|\[(?:stdout|serial|qemu|guest|vm|console)\]):? {1,2}/,
  // 1-service | text
  /\d[\w.-]{0,39} {0,6}\| /,
  /[|>#] |\|(?=\S)/,
  // The rest of the sequences by which a shell marks its prompts (OSC 3008), if a terminal removed their
  // beginning.
  /\]?\d{2,4};(?:start|end)=[0-9a-f-]{8,36}(?:;[a-z]{1,20}=[^;[\\]{0,80}){0,20}\\?/,
  /[ \t]+/,
]);

/** Greatest number of prefixes. Further ones are part of the text. */
const most = 4;

const none: readonly string[] = [];

/**
 * Returns the line without its first prefix, without the next one too, and so on. All are returned, because
 * text may look like a prefix.
 */
export function withoutPrefixes(line: string): readonly string[] {
  let match = prefixOf(line);
  if (!match || match[0].length === line.length) return none;
  const texts: string[] = [];
  for (let rest = line; match && match[0].length < rest.length && texts.length < most; match = prefixOf(rest)) {
    rest = rest.slice(match[0].length);
    texts.push(rest);
  }
  return texts;
}

function prefixOf(line: string): RegExpExecArray | null {
  const first = line.charCodeAt(0) | 0x20; // letters in lower case
  if (first < 0x61 || first > 0x7a) return signs.exec(line);
  return hasWords.test(line) ? words.exec(line) : null;
}

/** Consoles of 80 columns wrap at the last column (firmware does). */
const columns = 80;
/** A longer wrapped line is not assembled. */
const longest = 1000;

/** A stamp on a line, and whether it shows that the kernel's clock was set back. */
export interface Stamped {
  /** Number of characters before the stamp, and up to its end. */
  readonly at: number;
  readonly end: number;
  readonly seconds: number;
}

export class Continuation {
  readonly #stamp: RegExp | undefined;
  #cut = '';
  #wrapped = '';

  constructor(stamp: LineRule | undefined) {
    // A named group would create an object for each line.
    this.#stamp = stamp && new RegExp(stamp.pattern.source.replace('(?<seconds>', '('));
  }

  /** Returns the stamp on a line, or undefined if it has none. */
  stamped(line: string): Stamped | undefined {
    if (!this.#stamp || !line.includes('[')) return undefined;
    const match = this.#stamp.exec(line);
    return match ? { at: match.index, end: match.index + match[0].length, seconds: Number(match[1]) } : undefined;
  }

  /** Returns the texts whose last part may be the unfinished line. */
  wholes(line: string): readonly string[] {
    return this.#cut === '' || line.startsWith('[') ? [] : [this.#cut + line];
  }

  /**
   * Handles the end of a line. Returns the texts that it completes. If `hasMeaning`, the line has a meaning itself,
   * so no later line continues it.
   */
  end(line: string, stamp: Stamped | undefined, hasMeaning: boolean): readonly string[] {
    const wholes = stamp?.at === 0 ? [] : this.wholes(line);
    if (stamp && stamp.at > 0) this.#cut = (this.#cut + line.slice(0, stamp.at)).slice(0, longest);
    else if (!stamp) this.#cut = '';
    const wrapped = this.#wrapped === '' ? [] : [this.#wrapped + line];
    this.#wrapped = line.length === columns && !hasMeaning ? (this.#wrapped + line).slice(-longest) : '';
    return [...wholes, ...wrapped];
  }
}
