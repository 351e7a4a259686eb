// Normalizes a call, so that calls of cargo and of Bloomery can be compared word by word. The tables below
// list the words that are removed or renamed, each row with its reason. All other words are compared,
// including their order. Pure.
import { byCodeUnit } from '../../core/digest.ts';
import type { RecordedCall } from './recorded-calls.ts';

interface Row {
  readonly what: RegExp;
  /** The replacement of the matched text. Absent: the word is removed. */
  readonly becomes?: string;
  readonly reason: string;
}

/** Rows for arguments. Those of two words (`-C opt-level=3`) are joined. */
export const argumentRows: readonly Row[] = [
  { what: /^--json=.*/, reason: 'how rustc talks to its caller; nothing that it makes depends on it' },
  { what: /^--diagnostic-width=.*/, reason: 'as above: the width of a terminal' },
  {
    what: /^-C metadata=[0-9a-f]{16}$/,
    becomes: '-C metadata=#',
    reason: 'a name for the unit; in cargo it depends on the path of the checkout',
  },
  { what: /^-C extra-filename=-[0-9a-f]{16}$/, becomes: '-C extra-filename=-#', reason: 'as above' },
  { what: /^--out-dir .*/, reason: 'where the caller puts files' },
  { what: /^-C incremental=.*/, becomes: '-C incremental=#', reason: 'where the caller keeps incremental state' },
  {
    what: /^-C split-debuginfo=unpacked$/,
    becomes: '-C split-debuginfo=packed',
    reason: 'ours is packed, so that debuggers find it: unpacked, programs name the files of it by their paths',
  },
  { what: /^-L dependency=.*/, reason: "the folder of the caller's libraries; the libraries are compared at --extern" },
];

/** Rows for variables, as NAME=VALUE. */
export const variableRows: readonly Row[] = [
  { what: /^(PWD|OLDPWD|SHLVL|_)=/, reason: 'set by the shell that writes cargo’s calls down' },
  { what: /^CARGO_BIN_EXE_[^=]*-[^=]*=/, reason: 'that shell drops variables whose name has a dash' },
  { what: /^(RUSTC_WORKSPACE_WRAPPER|CLIPPY_ARGS)=/, reason: 'what cargo clippy starts cargo with, so that all calls have it' },
  { what: /^RUSTC_WRAPPER=/, reason: 'the wrapper that writes them down' },
  { what: /^(CARGO_MAKEFLAGS|MAKEFLAGS|MFLAGS|NUM_JOBS)=/, reason: 'number of concurrent processes; no result depends on it' },
  {
    what: /^(RUSTC|RUSTDOC)=/,
    reason: 'the programs of the toolchain: cargo passes the word by which it was configured, Bloomery their place',
  },
  { what: /^SSL_CERT_(DIR|FILE)=/, reason: 'set by cargo for its own downloads' },
  { what: /^(SOURCE_DATE_EPOCH|ZERO_AR_DATE)=/, reason: 'ours alone, on purpose: what scripts pack has one constant time' },
  { what: /^LD_LIBRARY_PATH=/, reason: "the folder of the caller's own libraries" },
];

/** The names of things on one side. */
export interface Words {
  /** Folders of the host and their common names, in any order. */
  readonly folders: Readonly<Record<string, string>>;
  /** Variables with which everything was started. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** File names without extension -> the unit that produced the file. */
  readonly makers: ReadonlyMap<string, string>;
}

export interface NormalCall {
  /**
   * The name of the unit, to find the other side's call. It is not unique, because one package may be built
   * in two ways.
   */
  readonly name: string;
  /** Arguments and `NAME=VALUE`, and the working directory. */
  readonly lines: readonly string[];
}

export function normalCall(call: RecordedCall, { folders, baseEnv, makers }: Words): NormalCall {
  const renamed = (text: string): string => shortenHashes(renameFolders(text, folders));
  const args = joined(call.argv).flatMap((word) => apply(argumentRows, madeBy(renamed(word), makers)));
  const variables = Object.entries(call.env)
    .filter(([name, value]) => baseEnv[name] !== value)
    .map(([name, value]) => `${name}=${renamed(value)}`)
    .sort(byCodeUnit)
    .flatMap((variable) => apply(variableRows, variable));
  return { name: callName(call), lines: [`cwd ${renamed(call.cwd)}`, ...args, ...variables] };
}

/** Returns "serde 1.0.2 lib serde", "serde 1.0.2 run build script". */
export function callName({ kind, argv, env }: RecordedCall): string {
  const owner = `${env['CARGO_PKG_NAME'] ?? '?'} ${env['CARGO_PKG_VERSION'] ?? '?'}`;
  if (kind === 'build-script') return `${owner} run build script`;
  const words = joined(argv);
  const types = words.filter((word) => word.startsWith('--crate-type ')).map((word) => word.slice('--crate-type '.length));
  const tests = words.includes('--test') || words.includes('--cfg test') ? ['test'] : [];
  return `${owner} ${[...types, ...tests].join('+')} ${wordAfter(words, '--crate-name ') ?? '?'}`;
}

/**
 * Returns file names (without extension) that calls write -> name, platform and features of the unit that
 * writes them.
 */
export function makersOf(calls: readonly RecordedCall[]): ReadonlyMap<string, string> {
  const makers = new Map<string, string>();
  for (const call of calls) {
    if (call.kind !== 'rustc') continue;
    const words = joined(call.argv);
    const features = words.flatMap((word) => /^--cfg feature="(.*)"$/.exec(word)?.[1] ?? []);
    const platform = words.some((word) => word.startsWith('--target ')) ? 'target' : 'host';
    const file = `${wordAfter(words, '--crate-name ') ?? ''}${wordAfter(words, '-C extra-filename=') ?? ''}`;
    makers.set(`lib${file}`, `${callName(call)} for ${platform} [${features.join(' ')}]`);
  }
  return makers;
}

/** Joins each option with its value. */
function joined(argv: readonly string[]): readonly string[] {
  const takesValue = /^(-[CZLl]|--(crate-name|crate-type|cfg|check-cfg|out-dir|target|extern|cap-lints))$/;
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    words.push(takesValue.test(word) ? `${word} ${argv[++index] ?? ''}` : word);
  }
  return words;
}

function wordAfter(words: readonly string[], start: string): string | undefined {
  return words.find((word) => word.startsWith(start))?.slice(start.length);
}

/** `--extern serde=/deps/libserde-0123456789abcdef.rmeta`: replaces the file by its producer and extension. */
function madeBy(word: string, makers: ReadonlyMap<string, string>): string {
  const match = /^(--extern (?:[a-z,]+:)?\w+=).*\/([^/]+)\.(\w+)$/.exec(word);
  return match ? `${match[1]}${makers.get(match[2] ?? '') ?? match[2]}, ${match[3]}` : word;
}

function renameFolders(text: string, folders: Readonly<Record<string, string>>): string {
  return Object.entries(folders)
    .sort(([a], [b]) => b.length - a.length || byCodeUnit(a, b))
    .reduce((now, [folder, name]) => now.replaceAll(wholeName(folder), name), text);
}

/** Matches a folder only where its name ends: not /a/b in /a/bc. */
function wholeName(folder: string): RegExp {
  return new RegExp(`${folder.replaceAll(/[.*+?^$(){}|[\]\\]/g, '\\$&')}(?![\\w.-])`, 'g');
}

/**
 * Shortens folders of build scripts: cargo has one for each platform and profile. The hash in both names the
 * unit.
 */
function shortenHashes(text: string): string {
  return text.replaceAll(/\/bloomery\/(?:target\/(?:[^/:;\s]+\/){1,2})?build\/([^/]+)-[0-9a-f]{16}\b/g, '/bloomery/build/$1');
}

function apply(rows: readonly Row[], word: string): readonly string[] {
  const row = rows.find(({ what }) => what.test(word));
  if (!row) return [word];
  return row.becomes === undefined ? [] : [row.becomes];
}
