// What recorders put before a line of a console: dates and times, journals, levels, containers, continuous integration, vendors' kernels, indentation.
// Rules look at a line as it is and without these.

const anyOf = (patterns: readonly RegExp[]): RegExp => new RegExp(`^(?:${patterns.map(({ source }) => source).join('|')})`);

/** Prefixes that begin with a letter. Each is linear, and what follows it may be another one. */
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

/** What a line must have to be worth a look for these: a sign, a time, or a level. */
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

/** Prefixes that begin otherwise. */
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
  // What is left of the sequences by which a shell marks its prompts (OSC 3008) where a terminal took their beginning.
  /\]?\d{2,4};(?:start|end)=[0-9a-f-]{8,36}(?:;[a-z]{1,20}=[^;[\\]{0,80}){0,20}\\?/,
  /[ \t]+/,
]);

/** A prefix more than these is a part of the text. */
const most = 4;

const none: readonly string[] = [];

/** The line without its first prefix, without the next, and so on: what looks like one may be a part of the text. */
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
  const first = line.charCodeAt(0) | 0x20; // a letter's in lower case
  if (first < 0x61 || first > 0x7a) return signs.exec(line);
  return hasWords.test(line) ? words.exec(line) : null;
}
