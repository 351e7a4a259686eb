// Maps one line of a console to its meaning in a system's rules. It has no state: judge.ts considers earlier
// lines and the clock.
import type { ConsoleRules, FindingRule, LineRule, Milestone, PanicRule, PromptRule } from '../rules.ts';

/** The meaning of a whole line, apart from prompts. If several kinds match, the first in this order wins. */
export type Meaning =
  | { readonly kind: 'panic'; readonly rule: PanicRule; readonly who: string | undefined }
  | { readonly kind: 'milestone'; readonly index: number; readonly milestone: Milestone }
  | { readonly kind: 'finding'; readonly rule: FindingRule }
  | { readonly kind: 'restart' }
  | { readonly kind: 'power-off' };

export interface SeenPrompt {
  readonly rule: PromptRule;
  readonly text: string;
  readonly rest: string;
}

export interface Matcher {
  /** Returns the prompt on this line, which may be unfinished. More text on the line changes only `rest`. */
  prompt(line: string): SeenPrompt | undefined;
  /**
   * `bodies`: the line without the kernel's stamp and the text before it, and without the prefixes of
   * recorders.
   */
  meaning(line: string, bodies?: readonly string[]): Meaning | undefined;
}

export function matcher(rules: ConsoleRules): Matcher {
  // Nearly all lines mean nothing. One pattern that combines all rules decides that in one step.
  const { restarts = [] } = rules;
  const anyRule = anyOf([...rules.panics, ...rules.milestones, ...rules.findings, ...rules.powerOffs, ...restarts]);
  const anyPrompt = oneOf(rules.prompts);
  const decoy = oneOf(rules.decoys);
  const powerOff = oneOf(rules.powerOffs);
  const restart = oneOf(restarts);
  const meaning = (line: string, bodies: readonly string[] = []): Meaning | undefined => {
    const own = meaningOf(line);
    if (own) return own;
    for (const body of bodies) {
      const inner = meaningOf(body);
      if (inner) return decoy.test(line) ? undefined : inner;
    }
    return undefined;
  };
  const meaningOf = (line: string): Meaning | undefined => {
    if (!anyRule(line) || decoy.test(line)) return undefined;
    for (const rule of rules.panics) {
      const match = rule.pattern.exec(line);
      if (match) return { kind: 'panic', rule, who: match.groups?.['who'] };
    }
    const index = rules.milestones.findIndex(({ pattern }) => pattern.test(line));
    const milestone = rules.milestones[index];
    if (milestone) return { kind: 'milestone', index, milestone };
    const rule = rules.findings.find(({ pattern }) => pattern.test(line));
    if (rule) return { kind: 'finding', rule };
    if (restart.test(line)) return { kind: 'restart' };
    return powerOff.test(line) ? { kind: 'power-off' } : undefined;
  };
  const prompt = (line: string): SeenPrompt | undefined => {
    if (!anyPrompt.test(line)) return undefined;
    for (const rule of rules.prompts) {
      const match = rule.pattern.exec(line);
      if (!match) continue;
      const end = match.index + match[0].length;
      // Text after the prompt must not turn it into a decoy, or the answer would depend on how much of the
      // line has arrived.
      if (!decoy.test(line.slice(0, end))) return { rule, text: match[0].trim(), rest: line.slice(end) };
    }
    return undefined;
  };
  return { prompt, meaning };
}

/**
 * Whether the crash of `who` is fatal if those of `names` are. A name matches as a whole or as a part of a
 * path.
 */
export function isOneOf(who: string | undefined, names: readonly string[]): boolean {
  return who !== undefined && names.some((name) => who === name || who.split('/').includes(name));
}

/**
 * Returns a function: whether any rule matches a line. Patterns that begin with "^" are tried only if the
 * line begins with one of their first characters.
 */
function anyOf(rules: readonly LineRule[]): (line: string) => boolean {
  const isAnchored = ({ pattern }: LineRule): boolean => pattern.source.startsWith('^') && alternatives(pattern.source).length === 1;
  const byFirst = new Map<string, string[]>();
  const always: string[] = [];
  for (const { pattern } of rules.filter(isAnchored)) {
    const source = unnamed(pattern.source.slice(1));
    const first = firstCharacters(source);
    if (first === undefined) always.push(source);
    else for (const character of new Set(first)) byFirst.set(character, [...(byFirst.get(character) ?? []), source]);
  }
  const starting = (sources: readonly string[]): RegExp => new RegExp(`^(?:${sources.join('|') || '(?!)'})`);
  const other = starting(always);
  const starts = new Map([...byFirst].map(([character, sources]) => [character.charCodeAt(0), starting([...sources, ...always])]));
  const anywhere = oneOf(rules.filter((rule) => !isAnchored(rule)));
  return (line) => (starts.get(line.charCodeAt(0)) ?? other).test(line) || anywhere.test(line);
}

function oneOf(rules: readonly LineRule[]): RegExp {
  return rules.length === 0 ? /(?!)/ : new RegExp(rules.map(({ pattern }) => `(?:${unnamed(pattern.source)})`).join('|'));
}

/** Makes groups unnamed: before Node 24, a name may not occur twice in a pattern. */
function unnamed(source: string): string {
  return source.replace(/\(\?<\w+>/g, '(?:');
}

/**
 * Returns the possible first characters as one text, in no order. Undefined: any character, or the pattern
 * may match an empty text.
 */
export function firstCharacters(source: string): string | undefined {
  const sets = alternatives(source).map(firstOfSequence);
  return sets.some((set) => set === undefined) ? undefined : sets.join('');
}

function firstOfSequence(source: string): string | undefined {
  const piece = firstPiece(source);
  if (!piece) return undefined;
  const { set, rest } = piece;
  if (set === undefined) return undefined;
  if (!/^(?:[?*]|\{0)/.test(rest)) return set;
  // The element is optional, so the next one can be first too.
  const after = firstOfSequence(rest.replace(/^(?:[?*]|\{[^}]*\})\??/, ''));
  return after === undefined ? undefined : set + after;
}

/** Returns the possible first characters of the first element of a sequence, and the rest of the sequence. */
function firstPiece(source: string): { readonly set: string | undefined; readonly rest: string } | undefined {
  const [escaped] = /^\\[^\w]/.exec(source) ?? [];
  if (escaped !== undefined) return { set: escaped.slice(1), rest: source.slice(2) };
  const [, inClass] = /^\[([\w ]+)\]/.exec(source) ?? [];
  if (inClass !== undefined) return { set: inClass, rest: source.slice(inClass.length + 2) };
  const [group] = /^\((?:\?:|\?<\w+>)/.exec(source) ?? [];
  if (group !== undefined) {
    const end = closing(source);
    return { set: firstCharacters(source.slice(group.length, end)), rest: source.slice(end + 1) };
  }
  return /^[\w !"#%&',/:;<=>@`~-]/.test(source) ? { set: source.slice(0, 1), rest: source.slice(1) } : undefined;
}

/** Returns the index at which the first group of the text closes. */
function closing(source: string): number {
  let depth = 0;
  for (const { 0: piece, index } of pieces(source)) {
    if (piece === '(') depth++;
    else if (piece === ')' && --depth === 0) return index;
  }
  return source.length;
}

/** Returns the parts between "|" outside of groups. */
export function alternatives(source: string): readonly string[] {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (const { 0: piece, index } of pieces(source)) {
    if (piece === '(') depth++;
    else if (piece === ')') depth--;
    else if (piece === '|' && depth === 0) {
      parts.push(source.slice(from, index));
      from = index + 1;
    }
  }
  return [...parts, source.slice(from)];
}

/** Returns brackets and bars of a pattern. Escaped ones and those in a class are part of a longer piece. */
function pieces(source: string): IterableIterator<RegExpExecArray> {
  return source.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|[()|]/g);
}
