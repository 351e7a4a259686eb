// A picture of a terminal as one self-contained SVG file: commands and the lines that they printed. The same input gives the same text.
import type { Line, Run, Style } from './screen.ts';

export interface ShownCommand {
  readonly command: string;
  readonly lines: readonly Line[];
}

/** Sizes in pixels. A character of a monospace font is 0.6 em wide. */
const fontSize = 14;
const charWidth = fontSize * 0.6;
const lineHeight = 20;
const margin = 18;
const barHeight = 32;

const background = '#16191d';
const barColour = '#23272d';
const foreground = '#d5dae0';
/** Colours 0 to 15 of ANSI terminals, chosen to be readable on the background. */
const palette = [
  ...['#5c6570', '#f2777a', '#7ec97e', '#e0b458', '#6fa8f0', '#c99bf0', '#5fc9cf', '#d5dae0'],
  ...['#8a94a0', '#ff8f92', '#98e098', '#f5cd78', '#8fc0ff', '#dcb6ff', '#7fe3e8', '#ffffff'],
];
const fonts = "ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/** Number of lines at the start of an output that are always shown if lines are left out. */
const headLines = 4;

/** Returns at most `most` lines: the first few, one that counts the lines that are left out, and the last ones. */
export function excerpt(lines: readonly Line[], most: number): readonly Line[] {
  if (lines.length <= most) return lines;
  const tail = Math.max(1, most - headLines - 1);
  const left = lines.length - headLines - tail;
  return [...lines.slice(0, headLines), [{ text: `[... ${left} lines ...]`, style: { dim: true } }], ...lines.slice(-tail)];
}

/** Returns the text of the SVG file. Lines that are longer than `columns` are truncated, with an ellipsis. */
export function terminalSvg(commands: readonly ShownCommand[], columns: number): string {
  const rows = commands.flatMap(({ command, lines }, index): Line[] => [
    ...(index === 0 ? [] : [[]]),
    [
      { text: '$ ', style: { dim: true } },
      { text: command, style: { bold: true } },
    ],
    ...lines,
  ]);
  const width = Math.ceil(columns * charWidth) + 2 * margin;
  const height = barHeight + rows.length * lineHeight + 2 * margin;
  const label = escaped(`A terminal with the output of ${commands.map(({ command }) => command).join(' and ')}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">`,
    `<title>${label}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>`,
    `<path d="M0 ${barHeight}V8a8 8 0 0 1 8-8H${width - 8}a8 8 0 0 1 8 8V${barHeight}Z" fill="${barColour}"/>`,
    ...['#f2777a', '#e0b458', '#7ec97e'].map((fill, at) => `<circle cx="${margin + 2 + at * 20}" cy="16" r="6" fill="${fill}"/>`),
    `<g font-family="${fonts}" font-size="${fontSize}" fill="${foreground}" xml:space="preserve">`,
    ...rows.flatMap((line, index) => lineText(cut(line, columns), barHeight + margin + index * lineHeight + fontSize)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Every run has its own position, so that columns stay aligned in a font with another width. */
function lineText(line: Line, y: number): readonly string[] {
  let column = 0;
  const spans = line.map(({ text, style }) => {
    const x = margin + column * charWidth;
    column += [...text].length;
    return `<tspan x="${Number(x.toFixed(1))}"${attributes(style)}>${escaped(text)}</tspan>`;
  });
  return spans.length === 0 ? [] : [`<text y="${y}">${spans.join('')}</text>`];
}

function attributes({ bold, dim, colour }: Style): string {
  const fill = colour === undefined ? undefined : palette[colour];
  return [fill && ` fill="${fill}"`, bold && ' font-weight="bold"', dim && ' fill-opacity="0.6"'].filter(Boolean).join('');
}

function cut(line: Line, columns: number): Line {
  const length = line.reduce((sum, { text }) => sum + [...text].length, 0);
  if (length <= columns) return line;
  const runs: Run[] = [];
  let room = columns - 1;
  for (const { text, style } of line) {
    const chars = [...text].slice(0, room);
    room -= chars.length;
    if (chars.length > 0) runs.push({ text: chars.join(''), style });
  }
  return [...runs, { text: '…', style: { dim: true } }];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
