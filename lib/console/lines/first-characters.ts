// The characters that the text of a pattern can begin with, where that is plain: of a hundred patterns that begin with "^", a line is tried against the few
// whose first character it has. What is not plain here may begin with any character.

/** Characters as one text, without order; undefined: any, or the pattern may match nothing. */
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
  // It may be left out: what follows can be first too.
  const after = firstOfSequence(rest.replace(/^(?:[?*]|\{[^}]*\})\??/, ''));
  return after === undefined ? undefined : set + after;
}

/** The first element of a sequence: what it can begin with, and what follows it. */
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

/** Where the group closes that the text begins with. */
function closing(source: string): number {
  let depth = 0;
  for (const { 0: piece, index } of pieces(source)) {
    if (piece === '(') depth++;
    else if (piece === ')' && --depth === 0) return index;
  }
  return source.length;
}

/** The parts between "|" that are in no group. */
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

/** Brackets and bars of a pattern; those that are escaped or in a class are a part of a longer piece. */
function pieces(source: string): IterableIterator<RegExpExecArray> {
  return source.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|[()|]/g);
}
