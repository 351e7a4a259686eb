// Converts text that a program wrote to a terminal to lines of styled runs. Implements the control sequences
// that tasks and npm use and drops all others. This module does not draw.

/** `colour` is one of the 16 colours of ANSI terminals: 0 to 7, and 8 to 15 for the bright ones. Without it: the default colour. */
export interface Style {
  readonly bold?: true;
  readonly dim?: true;
  readonly colour?: number;
}

export interface Run {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Run[];

interface Cell {
  readonly char: string;
  readonly style: Style;
}

const plain: Style = {};

/** A control sequence (CSI) with its parameters and last byte, an operating system command (OSC), or one character. */
const token = /\x1b\[([?0-9;]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[^]/gu;

/** Returns the lines that are visible at the end, without empty ones at the end of the text. */
export function screenLines(text: string): readonly Line[] {
  const lines: Cell[][] = [[]];
  let column = 0;
  let style = plain;
  for (const [whole, parameters = '', final] of text.matchAll(token)) {
    const line = lines.at(-1) ?? [];
    if (final === 'm') style = styleAfter(style, parameters);
    else if (final === 'G') column = Math.max(1, Number(parameters)) - 1;
    else if (final === 'K') erase(line, column, parameters);
    else if (whole === '\r') column = 0;
    else if (whole === '\b') column = Math.max(0, column - 1);
    else if (whole === '\n') {
      lines.push([]);
      column = 0;
    } else if (whole >= ' ') {
      while (line.length < column) line.push({ char: ' ', style: plain });
      line[column++] = { char: whole, style };
    }
  }
  const seen = lines.map(runsOf);
  while (seen.at(-1)?.length === 0) seen.pop();
  return seen;
}

/** EL of ECMA-48: 0 erases from the cursor to the end, 1 from the start to the cursor, 2 the line. */
function erase(line: Cell[], column: number, parameters: string): void {
  if (parameters === '1') line.fill({ char: ' ', style: plain }, 0, column + 1);
  else line.length = parameters === '2' ? 0 : Math.min(line.length, column);
}

/** SGR of ECMA-48. Backgrounds and colours that are not among the 16 are ignored. */
function styleAfter(style: Style, parameters: string): Style {
  let { bold, dim, colour }: { bold?: true | undefined; dim?: true | undefined; colour?: number | undefined } = style;
  for (const code of parameters.split(';').map(Number)) {
    if (code === 38 || code === 48) break;
    if (code === 0) bold = dim = colour = undefined;
    else if (code === 1) bold = true;
    else if (code === 2) dim = true;
    else if (code === 22) bold = dim = undefined;
    else if (code >= 30 && code <= 37) colour = code - 30;
    else if (code >= 90 && code <= 97) colour = code - 90 + 8;
    else if (code === 39) colour = undefined;
  }
  return { ...(bold && { bold }), ...(dim && { dim }), ...(colour !== undefined && { colour }) };
}

/** Joins neighbours of one style, and drops the spaces at the end. */
function runsOf(cells: readonly Cell[]): Line {
  const runs: { text: string; style: Style }[] = [];
  for (const { char, style } of cells.slice(0, cells.findLastIndex(({ char }) => char !== ' ') + 1)) {
    const last = runs.at(-1);
    if (last && isSame(last.style, style)) last.text += char;
    else runs.push({ text: char, style });
  }
  return runs;
}

function isSame(a: Style, b: Style): boolean {
  return a.bold === b.bold && a.dim === b.dim && a.colour === b.colour;
}
