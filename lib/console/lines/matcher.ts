// One line of a console to what it means by a system's rules. Keeps no state: what came before and the clock are judge.ts's.
import { alternatives, firstCharacters } from './first-characters.ts';
import type { ConsoleRules, FindingRule, LineRule, Milestone, PanicRule, PromptRule } from '../rules.ts';

/** What a whole line means, besides a prompt; the first kind that fits, in this order. */
export type Meaning =
  | { readonly kind: 'panic'; readonly rule: PanicRule; readonly who: string | undefined }
  | { readonly kind: 'milestone'; readonly index: number; readonly milestone: Milestone }
  | { readonly kind: 'finding'; readonly rule: FindingRule }
  | { readonly kind: 'restart' }
  | { readonly kind: 'power-off' };

export interface SeenPrompt {
  readonly rule: PromptRule;
  readonly text: string;
  readonly behind: string;
}

export interface Matcher {
  /** A prompt on this line, which may be unfinished; more text on the line changes only what is behind it. */
  prompt(line: string): SeenPrompt | undefined;
  /** `bodies`: the line without the kernel's stamp and what stands before it, and without the prefixes of recorders. */
  meaning(line: string, bodies?: readonly string[]): Meaning | undefined;
}

export function matcher(rules: ConsoleRules): Matcher {
  // Nearly every line means nothing: one pattern that is all of them decides that in one go.
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
      // What comes after the prompt must not make it a decoy, or the answer would depend on how much of the line has arrived.
      if (!decoy.test(line.slice(0, end))) return { rule, text: match[0].trim(), behind: line.slice(end) };
    }
    return undefined;
  };
  return { prompt, meaning };
}

/** Is the crash of `who` fatal, when those of `names` are? A name fits as a whole or as a part of a path. */
export function isOneOf(who: string | undefined, names: readonly string[]): boolean {
  return who !== undefined && names.some((name) => who === name || who.split('/').includes(name));
}

/** Does any rule fit? Patterns that begin with "^" are tried where the line has one of their first characters. */
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

/** Group names may not stand twice in a pattern before Node 24. */
function unnamed(source: string): string {
  return source.replace(/\(\?<\w+>/g, '(?:');
}
