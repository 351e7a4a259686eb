// Events to lines for a person. On a terminal: one status line that is rewritten, above it what stays. Otherwise: one plain line
// per thing that finished. Everything goes to standard error; standard output belongs to results.
import { Chalk } from 'chalk';
import type { Event, Report } from '../core/events.ts';
import { formatMs, plural } from '../core/sizes.ts';

export interface Terminal {
  readonly write: (text: string) => void;
  /** Columns of a terminal; undefined when the output is a file or a pipe. */
  readonly columns: number | undefined;
  readonly colour: boolean;
}

export interface Progress {
  readonly report: Report;
  /** Takes the status line away, so that other text can follow. */
  readonly clear: () => void;
}

/** How often the times of running units are written anew. */
const tickMs = 500;

/** Reasons of a miss in one line; tasks/explain.ts tells all. */
const shownReasons = 4;

/** `now` is a monotonic clock in milliseconds. */
export function progress(terminal: Terminal, quiet: boolean, now: () => number = () => performance.now()): Progress {
  const colours = new Chalk({ level: terminal.colour ? 1 : 0 });
  const running = new Map<string, number>();
  let ticking: NodeJS.Timeout | undefined;
  let phaseName = '';
  let phaseShare = '';
  let units = 0;
  let finished = 0;
  let hits = 0;
  let shown = false;

  const clear = (): void => {
    if (shown) terminal.write('\r\x1b[K');
    shown = false;
  };
  const line = (text: string): void => {
    if (quiet) return;
    clear();
    terminal.write(`${text}\n`);
  };
  const status = (): void => {
    if (quiet || terminal.columns === undefined) return;
    const times = [...running].map(([unit, startMs]) => `${unit.split(' ')[0]} ${formatMs(now() - startMs)}`).join(', ');
    const text = running.size > 0 ? `[${finished}/${units}] ${plural(hits, 'hit')} · ${times}` : `${phaseName}${phaseShare}`;
    if (text === '') return;
    terminal.write(`\r\x1b[K${text.slice(0, terminal.columns - 1)}`);
    shown = true;
  };

  const report = (event: Event): void => {
    switch (event.kind) {
      case 'phase-started':
        phaseName = event.phase;
        phaseShare = '';
        break;
      case 'phase-finished':
        if (event.durationMs > 1000 || event.note) {
          line(`${colours.bold(event.phase)} ${colours.dim(formatMs(event.durationMs))}${event.note ? ` ${event.note}` : ''}`);
        }
        phaseName = '';
        break;
      case 'progress':
        phaseName = event.phase;
        phaseShare = ` ${Math.floor((100 * event.done) / Math.max(1, event.total))} %`;
        break;
      case 'planned':
        units += event.units;
        break;
      case 'unit-started':
        running.set(event.unit, now());
        break;
      case 'unit-missed': {
        const rest = event.reasons.length - shownReasons;
        const reasons = [...event.reasons.slice(0, shownReasons), ...(rest > 0 ? [`and ${rest} more`] : [])];
        clear();
        terminal.write(`${colours.yellow('missed')} ${event.unit}: ${reasons.join('; ')}\n`); // asked for, so --quiet does not silence it
        break;
      }
      case 'unit-finished':
        running.delete(event.unit);
        finished++;
        if (event.outcome === 'hit') hits++;
        else line(`${colours.green('built')} ${event.unit} ${colours.dim(formatMs(event.durationMs))}`);
        break;
      case 'units-skipped':
        finished += event.units;
        hits += event.units;
        break;
      case 'unit-failed':
        running.delete(event.unit);
        line(`${colours.red('failed')} ${event.unit}`);
        break;
      case 'diagnostic':
        clear();
        terminal.write(event.text.endsWith('\n') ? event.text : `${event.text}\n`);
        break;
      case 'repaired':
        line(`${colours.yellow('repaired')} a damaged blob of the cache (${event.digest.slice(0, 12)})`);
        break;
      case 'note':
        line(event.text);
        break;
      case 'warning':
        clear();
        terminal.write(`${colours.yellow('warning:')} ${event.text}\n`);
        break;
      case 'console':
        line(event.line);
        break;
    }
    status();
    tick();
  };
  const tick = (): void => {
    if (running.size === 0 || quiet || terminal.columns === undefined) {
      clearInterval(ticking);
      ticking = undefined;
    } else ticking ??= setInterval(status, tickMs).unref();
  };
  return { report, clear };
}
