// Returns the code of a TypeScript file without its text: comments and the contents of strings, templates and
// regular expressions become spaces, so that a rule about calls does not match a sentence. This is a scanner
// with a few states, not a parser. Line numbers stay the same.

/** Text before a slash that begins a regular expression. After any other text, the slash is a division. */
const beforeExpression = /(?:^|[(,=:[!&|?{};+\n>]|\breturn|\bcase|\btypeof)\s*$/;

export function codeOf(text: string): string {
  let out = '';
  let at = 0;
  /** Depths of braces at which an open template literal continues. */
  const templates: number[] = [];
  let depth = 0;
  const blank = (end: number): void => {
    out += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const char = text.charAt(at);
    if (rest === '//') blank(endOr(text, text.indexOf('\n', at)));
    else if (rest === '/*') blank(endOr(text, text.indexOf('*/', at) + 2));
    else if (char === "'" || char === '"') blank(endOfQuoted(text, at, char));
    else if (char === '/' && beforeExpression.test(out.slice(-80))) blank(endOfExpression(text, at));
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop();
      const end = endOfTemplatePart(text, at + 1);
      if (text.slice(end - 2, end) === '${') templates.push(depth);
      blank(end);
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      out += char;
      at++;
    }
  }
  return out;
}

/** An import as the file contains it. */
export interface WrittenImport {
  /** "../core/sh.ts", "zx". */
  readonly name: string;
  readonly line: number;
  /** True for `import type` and `export type`: nothing is loaded for them. */
  readonly typeOnly: boolean;
}

/** Returns the imports of a file. Imports inside of templates are left out. */
export function importsOf(text: string): readonly WrittenImport[] {
  const pattern =
    /^(?:import|export)\b[^;'"`(]*?\bfrom\s*['"]([^'"\n]+)['"]|^import\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/gm;
  const code = codeOf(text);
  return [...text.matchAll(pattern)]
    .filter((match) => /^(?:import|export)/.test(code.slice(match.index, match.index + 6)))
    .map((match) => {
      const name = match.slice(1).find((part) => part !== undefined);
      if (name === undefined) throw new Error(`an import without a name: ${match[0]}`);
      return { name, line: lineAt(text, match.index), typeOnly: /^(?:import|export)\s+type\b/.test(match[0]) };
    });
}

/** Returns the number of the line that contains the character at `index`. The first line is 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function endOr(text: string, index: number): number {
  return index <= 0 ? text.length : index;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote || text[at] === '\n') return at + 1;
  }
  return text.length;
}

function endOfExpression(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
    else if (text[at] === '/' && !inClass) return at + 1;
  }
  return start + 1;
}

/** Returns the index after the closing back-tick or the opening "${". */
function endOfTemplatePart(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '`') return at + 1;
    else if (text.startsWith('${', at)) return at + 2;
  }
  return text.length;
}
