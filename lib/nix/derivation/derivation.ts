// A derivation in the form of a .drv file: one term on one line, with sorted keys. It is parsed to data and
// printed to the same bytes. Source: libstore/derivations.cc, parseDerivation and unparse. Texts are bytes,
// because an environment need not be UTF-8.
import { cannot } from '../../core/errors.ts';
import { bytesOf, byteText, readable } from '../nar/format.ts';
import type { ByteText } from '../nar/format.ts';

export interface Output {
  readonly name: string;
  /** The full path. Empty for an output whose path is only known after the build. */
  readonly path: string;
  /**
   * "sha256", or "r:sha256" for the hash of the NAR. Empty unless the derivation contains the hash of its
   * output.
   */
  readonly algorithm: string;
  /** Hex. */
  readonly hash: string;
}

export interface Derivation {
  readonly outputs: readonly Output[];
  /** Full path of a .drv, or its hash when the derivation is hashed -> names of the outputs that are used. */
  readonly inputs: readonly (readonly [derivation: string, outputs: readonly string[]])[];
  /** Full paths. */
  readonly sources: readonly string[];
  readonly system: string;
  readonly builder: string;
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
}

/** The parsed term before its fields are interpreted: texts, and lists of terms. */
type Term = string | readonly Term[];

/** `path` is for the error. */
export function parseDerivation(bytes: Uint8Array, path: string): Derivation {
  const text = byteText(bytes);
  const refuse = (why: string): Error => cannot(`read the derivation "${path}"`, why);
  if (!text.startsWith('Derive(')) throw refuse('it does not begin with "Derive("');
  const { term, end } = termAt(text, 'Derive'.length, refuse);
  if (end !== text.length) throw refuse('something follows its end');
  const parts = listOf(term, refuse);
  if (parts.length !== 7) throw refuse(`it has ${parts.length} parts, not 7`);
  const [outputs, inputs, sources, system, builder, args, env] = parts;
  return {
    outputs: listOf(outputs, refuse).map((output) => {
      const [name = '', outputPath = '', algorithm = '', hash = ''] = textsOf(output, refuse, 4);
      return { name, path: outputPath, algorithm, hash };
    }),
    inputs: listOf(inputs, refuse).map((input) => {
      const [derivation, names] = listOf(input, refuse);
      return [textOf(derivation, refuse), textsOf(names, refuse)] as const;
    }),
    sources: textsOf(sources, refuse),
    system: textOf(system, refuse),
    builder: textOf(builder, refuse),
    args: textsOf(args, refuse),
    env: listOf(env, refuse).map((pair) => {
      const [name = '', value = ''] = textsOf(pair, refuse, 2);
      return [name, value] as const;
    }),
  };
}

/** Returns the bytes of the .drv file. */
export function printDerivation({ outputs, inputs, sources, system, builder, args, env }: Derivation): Uint8Array {
  const term: Term = [
    outputs.map(({ name, path, algorithm, hash }) => [name, path, algorithm, hash]),
    inputs.map(([derivation, names]) => [derivation, names]),
    sources,
    system,
    builder,
    args,
    env.map(([name, value]) => [name, value]),
  ];
  const parts = term.map((part) => printed(part));
  return bytesOf(`Derive(${parts.join(',')})` as ByteText);
}

/**
 * Returns a term as text. Tuples (a,b) have a fixed number of different items, and lists [a,b] have any
 * number.
 */
function printed(term: Term, depth = 0): string {
  if (typeof term === 'string') return quoted(term);
  const inner = term.map((part) => printed(part, depth + 1)).join(',');
  return depth === 1 ? `(${inner})` : `[${inner}]`;
}

const escapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const unescapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function quoted(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (letter) => escapes[letter] ?? letter)}"`;
}

/** A derivation has lists in pairs in lists, and nothing deeper. */
const deepest = 4;

function termAt(text: ByteText, at: number, refuse: (why: string) => Error, depth = 0): { term: Term; end: number } {
  if (text[at] === '"') {
    const end = endOfText(text, at + 1, refuse);
    return { term: text.slice(at + 1, end).replace(/\\([^])/g, (_, letter: string) => unescapes[letter] ?? letter), end: end + 1 };
  }
  const close = text[at] === '(' ? ')' : text[at] === '[' ? ']' : undefined;
  if (close === undefined || depth === deepest) {
    throw refuse(`there is ${at < text.length ? `"${readable(text.slice(at, at + 1) as ByteText)}"` : 'nothing'} at byte ${at}`);
  }
  const terms: Term[] = [];
  let end = at + 1;
  while (text[end] !== close) {
    if (terms.length > 0) {
      if (text[end] !== ',') throw refuse(`there is no "," or "${close}" at byte ${end}`);
      end++;
    }
    const next = termAt(text, end, refuse, depth + 1);
    terms.push(next.term);
    end = next.end;
  }
  return { term: terms, end: end + 1 };
}

/** Returns the index of the quote that closes a text. A quote after an odd number of backslashes does not. */
function endOfText(text: string, from: number, refuse: (why: string) => Error): number {
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (end - backslashes > from && text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  throw refuse('it ends inside of a text');
}

function listOf(term: Term | undefined, refuse: (why: string) => Error): readonly Term[] {
  if (typeof term === 'string' || term === undefined) throw refuse('it has a text where a list should be');
  return term;
}

function textOf(term: Term | undefined, refuse: (why: string) => Error): string {
  if (typeof term !== 'string') throw refuse('it has a list where a text should be');
  return term;
}

function textsOf(term: Term | undefined, refuse: (why: string) => Error, count?: number): readonly string[] {
  const list = listOf(term, refuse);
  if (count !== undefined && list.length !== count) throw refuse(`${list.length} texts where ${count} should be`);
  return list.map((item) => textOf(item, refuse));
}
