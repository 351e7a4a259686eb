// The tables of doctor: what was found on a host, and which work it is ready for. Only computes lines.
import type { Check } from '../host/host-checks.ts';
import { needs, readiness } from '../host/needs.ts';
import type { Colours } from './progress.ts';

export interface TableFace {
  readonly colours: Colours;
  /** Columns of the terminal. Undefined for a file or a pipe, where no line is broken. */
  readonly width: number | undefined;
}

const stateWidth = 9;

/** The lines of one check: its state, its name, and what was found or is lacking. */
export function checkLines({ name, found, needed, detail, hint }: Check, { colours, width }: TableFace): readonly string[] {
  const state = found ? 'ok' : needed ? 'missing' : 'warning';
  const colour = found ? colours.green : needed ? colours.red : colours.yellow;
  const text = `${detail}${!found && hint !== undefined ? `: ${hint}` : ''}`;
  return rowLines(colour(state.padEnd(stateWidth)), name.padEnd(20), text, width);
}

/** The table of all work, with a heading: what the host is ready for, and what it lacks for the rest. */
export function workLines(checks: readonly Check[], { colours, width }: TableFace): readonly string[] {
  const rows = readiness(checks.flatMap(({ name, found }) => (found ? [] : [name])));
  const lines = rows.flatMap(({ name, lacks }) => {
    const ready = lacks.length === 0;
    const state = ready ? colours.green('ready'.padEnd(stateWidth)) : colours.yellow('not yet'.padEnd(stateWidth));
    return rowLines(state, name.padEnd(14), `${needs[name].title}${ready ? '' : `: lacks ${lacks.join(', ')}`}`, width);
  });
  return ['', 'Work (--for NAME looks at that row alone, and --install then gets no more):', ...lines];
}

/** A row whose last column is broken between words, so that its lines begin below each other. */
function rowLines(state: string, name: string, text: string, width: number | undefined): readonly string[] {
  const indent = stateWidth + name.length;
  const room = width === undefined ? Infinity : Math.max(20, width - indent);
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => (index === 0 ? `${state}${name}${line}` : `${' '.repeat(indent)}${line}`));
}
