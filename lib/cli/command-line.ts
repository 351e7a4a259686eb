// A task's command line, declared once as data: parsed strictly by node:util, and shown by --help. The error
// for a wrong word names the nearest right one. Also parses sizes and ages as users type them, and writes
// commands in hints as users have to type them. This module
// does not know the meaning of flags.
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { cannot, nearest } from '../core/errors.ts';
import { GiB, KiB, MiB } from '../core/sizes.ts';

export interface Flag {
  readonly type: 'boolean' | 'string';
  /** Whether it may be given several times. */
  readonly multiple?: true;
  /** The form of the value in --help: "DIR", "N", "qemu|cloud-hypervisor". */
  readonly value?: string;
  /**
   * Makes the value of a string optional. `follows`: whether the next word is the value, and not a word of
   * its own.
   */
  readonly implied?: { readonly value: string; readonly follows: (word: string) => boolean };
  /** A short form with one letter: -p. */
  readonly short?: string;
  readonly help: string;
}

export interface Usage {
  /** As the user types it: "npx zx tasks/build.ts". */
  readonly command: string;
  /** The positional arguments: "<system>". */
  readonly words: string;
  readonly about: string;
  /** The allowed number of positional arguments. */
  readonly count: readonly [min: number, max: number];
  readonly flags: Readonly<Record<string, Flag>>;
  /** The form of the words after "--": "COMMAND...". Without it they are ordinary arguments. */
  readonly after?: string;
  readonly examples: readonly string[];
}

export interface CommandLine {
  readonly words: readonly string[];
  /** The words after "--", if the usage has `after`. Undefined without "--". */
  readonly after?: readonly string[] | undefined;
  readonly help: boolean;
  /** Whether a boolean flag was given. */
  has(flag: string): boolean;
  /** Returns the value of a flag. */
  text(flag: string): string | undefined;
  /** Returns the values of a flag that may be repeated. */
  list(flag: string): readonly string[];
  /** Returns the values of several such flags in the order of the command line. */
  sequence(flags: readonly string[]): readonly { flag: string; value: string }[];
  /** Returns a value that must be a whole number >= `least`. */
  count(flag: string, least?: number): number | undefined;
  /** Returns a value in seconds, which may have a fraction, as milliseconds. */
  seconds(flag: string): number | undefined;
}

const helpFlag = { help: { type: 'boolean', help: 'show this text' } } as const satisfies Record<string, Flag>;

/**
 * Parses the arguments after the script's name. Unknown flags, missing values and a wrong number of arguments
 * are Failures (usage, exit 2).
 */
export function parseCommandLine(usage: Usage, words: readonly string[]): CommandLine {
  const end = usage.after === undefined ? -1 : words.indexOf('--');
  const argv = end === -1 ? words : words.slice(0, end);
  const flags: Record<string, Flag> = { ...usage.flags, ...helpFlag };
  const hint = `see ${usage.command} --help`;
  for (const word of argv) {
    if (word === '--') break;
    const name = /^--([^=]+)/.exec(word)?.[1];
    if (name !== undefined && !(name in flags)) {
      const near = nearest(name, Object.keys(flags));
      throw cannot('read the command line', `there is no flag "--${name}"`, {
        blame: 'usage',
        hint: near ? `did you mean --${near}? ${hint}` : hint,
      });
    }
  }
  const parsed = parsedOr(flags, withImplied(flags, argv), hint);
  const help = parsed.values['help'] === true;
  const [min, max] = usage.count;
  if (!help && parsed.positionals.length < min) throw cannot('read the command line', `it needs ${usage.words}`, { blame: 'usage', hint });
  if (!help && parsed.positionals.length > max) {
    throw cannot('read the command line', `"${parsed.positionals[max]}" is one word too many`, { blame: 'usage', hint });
  }
  const text = (flag: string): string | undefined => {
    const value = parsed.values[flag];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (flag: string, valid: (value: number) => boolean, wanted: string): number | undefined => {
    const value = text(flag);
    if (value === undefined) return undefined;
    if (value.trim() === '' || !valid(Number(value)))
      throw cannot(`use --${flag} "${value}"`, `it must be ${wanted}`, { blame: 'usage', hint });
    return Number(value);
  };
  return {
    words: parsed.positionals,
    ...(end === -1 ? {} : { after: words.slice(end + 1) }),
    help,
    has: (flag) => parsed.values[flag] === true,
    text,
    list: (flag) => {
      const value = parsed.values[flag];
      return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
    },
    sequence: (wanted) =>
      (parsed.tokens ?? []).flatMap((token) => {
        return token.kind === 'option' && wanted.includes(token.name) && token.value !== undefined
          ? [{ flag: token.name, value: token.value }]
          : [];
      }),
    count: (flag, least = 0) => number(flag, (value) => Number.isInteger(value) && value >= least, `a whole number of at least ${least}`),
    seconds: (flag) => {
      const value = number(flag, (seconds) => seconds >= 0 && seconds < 1e6, 'a number of seconds');
      return value === undefined ? undefined : value * 1000;
    },
  };
}

/** Returns the text of --help. */
export function helpText(usage: Usage): string {
  const rows = Object.entries({ ...usage.flags, ...helpFlag }).map(([name, flag]: [string, Flag]) => {
    const value = flag.type === 'boolean' ? '' : flag.implied ? ` [${flag.value ?? 'TEXT'}]` : ` ${flag.value ?? 'TEXT'}`;
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    return [`${short}--${name}${value}${flag.multiple ? ' ...' : ''}`, flag.help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    usage.about,
    '',
    `Usage: ${usage.command} ${usage.words} [flags]${usage.after === undefined ? '' : ` [-- ${usage.after}]`}`.replace('  ', ' '),
    ...(usage.words.includes('<system>') ? ['A <system> is a name, or the path of its page: ./my-kernel.ts'] : []),
    '',
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`),
    '',
    'Examples:',
    ...usage.examples.map((example) => `  ${example}`),
  ].join('\n');
}

/** Adds the implied value to each flag without a value. */
function withImplied(flags: Record<string, Flag>, argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    const implied = end !== -1 && index > end ? undefined : flags[/^--([^=]+)$/.exec(word)?.[1] ?? '']?.implied;
    if (!implied) return word;
    const next = argv[index + 1];
    return next !== undefined && implied.follows(next) ? word : `${word}=${implied.value}`;
  });
}

function parsedOr(flags: Record<string, Flag>, argv: readonly string[], hint: string): ReturnType<typeof parseArgs> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: flag.type, multiple: flag.multiple ?? false, ...(flag.short === undefined ? {} : { short: flag.short }) },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: true, tokens: true });
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error);
    throw cannot('read the command line', why.charAt(0).toLowerCase() + why.slice(1), { blame: 'usage', hint });
  }
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, B: 1, K: KiB, KiB, M: MiB, MiB, G: GiB, GiB, T: 1024 * GiB, TiB: 1024 * GiB };
const ageUnits: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** Returns the bytes of "20GiB", "500M", "4096". Anything else is a Failure (usage). */
export function parseSize(flag: string, text: string): number {
  return parsed(flag, text, sizeUnits, 'a size like 500MiB or 20GiB');
}

/** Returns the milliseconds of "30d", "12h", "90s". Anything else is a Failure (usage). */
export function parseAge(flag: string, text: string): number {
  return parsed(flag, text, ageUnits, 'an age like 30d, 12h or 90s');
}

/** Returns the bytes of --memory. A number alone is refused, because it would be bytes here and MiB in QEMU. */
export function memoryOf(text: string): number {
  const bytes = parseSize('memory', text);
  if (bytes >= MiB) return bytes;
  throw cannot(`use --memory "${text}"`, 'it is less than a MiB', { blame: 'usage', hint: 'say 512M or 2G' });
}

function parsed(flag: string, text: string, units: Readonly<Record<string, number>>, wanted: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (number === '' || factor === undefined) throw cannot(`use --${flag} "${text}"`, `it must be ${wanted}`, { blame: 'usage' });
  return Number(number) * factor;
}

/** `repository`: the folder of Bloomery or of a copy. `cwd`: the folder of the user. */
export interface TypedIn {
  readonly repository: string;
  readonly cwd: string;
}

const taskName = /(?<![\w/.-])(?:tasks\/[\w-]+\.ts|test-boot\.ts)(?![\w/])/g;

/**
 * Returns the text with the commands of its tasks as they are typed in `cwd`, where the repository is below it or is a copy: "npx zx
 * bloomery/tasks/build.ts". A folder that does not find zx gets it from the repository (npx --prefix). Elsewhere the text is not changed.
 */
export function asTyped(text: string, { repository, cwd }: TypedIn): string {
  const path = relative(cwd, repository);
  if (path === '' || (path.startsWith('..') && !isCopy(repository))) return text;
  const npx = findsZx(cwd) ? 'npx' : `npx --prefix ${isCopy(repository) ? relative(cwd, dirname(repository)) : path}`;
  return text.replace(/\bnpx zx (tasks\/[\w-]+\.ts|test-boot\.ts)/g, (_, name: string) => `${npx} zx ${path}/${name}`);
}

/** Returns the hint as it is typed in `cwd`, with the command that adds the tasks that it names and that a copy does not have. */
export function hintIn(hint: string, { repository, cwd }: TypedIn): string {
  const typed = asTyped(hint, { repository, cwd });
  if (!isCopy(repository)) return typed;
  const named = new Set(hint.match(taskName) ?? []);
  const absent = [...named].filter((name) => name !== 'tasks/copy.ts' && !existsSync(join(repository, name)));
  if (absent.length === 0) return typed;
  const words = absent.map((name) => basename(name, '.ts')).join(' ');
  const adds = `npx zx tasks/copy.ts ${words} ${dirname(repository)}`;
  return `${typed}\n      This copy does not have ${absent.join(' and ')}. In a checkout of Bloomery, ${adds} adds what is missing.`;
}

function isCopy(repository: string): boolean {
  return existsSync(join(repository, 'origin.json'));
}

/** Returns a text as one word of a POSIX shell, as a user would type it: quoted only where it has to be. */
export function shellWord(text: string): string {
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** npx looks for a program in the folder and in those above it. */
function findsZx(folder: string): boolean {
  if (existsSync(join(folder, 'node_modules/.bin/zx'))) return true;
  return dirname(folder) !== folder && findsZx(dirname(folder));
}
