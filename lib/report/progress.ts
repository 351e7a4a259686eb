// Prints events for users. On a terminal there is one status line that is rewritten, and permanent lines
// above it. Otherwise there is one plain line for each thing that finished. Everything goes to standard
// error, because standard output is for results.
// chalk is loaded for a terminal only, so that other tasks do not wait for it.
import type { Event, Report } from '../core/events.ts';
import { formatMs, plural } from '../core/sizes.ts';

export interface Terminal {
  readonly write: (text: string) => void;
  /** Columns of a terminal; undefined when the output is a file or a pipe. */
  readonly columns: number | undefined;
  readonly colours: Colours;
}

export interface Progress {
  readonly report: Report;
  /** Removes the status line, so that other text can follow. */
  readonly clear: () => void;
}

/** Interval in which the times of running units are updated. */
const tickMs = 500;

/** Number of reasons of a miss that are shown in one line. tasks/explain.ts prints all. */
const shownReasons = 4;

/** Prints events to `terminal`. `now` is a monotonic clock in milliseconds. */
export function progress(terminal: Terminal, quiet: boolean, now: () => number = () => performance.now()): Progress {
  const lines = new ProgressLines(terminal, quiet, now);
  return { report: (event) => lines.report(event), clear: () => lines.clear() };
}

class ProgressLines {
  readonly #terminal: Terminal;
  readonly #quiet: boolean;
  readonly #now: () => number;
  /** Running units and their start times. */
  readonly #running = new Map<string, number>();
  #ticking: NodeJS.Timeout | undefined;
  #phaseName = '';
  #phaseShare = '';
  #units = 0;
  #finished = 0;
  #hits = 0;
  #shown = false;

  constructor(terminal: Terminal, quiet: boolean, now: () => number) {
    this.#terminal = terminal;
    this.#quiet = quiet;
    this.#now = now;
  }

  report(event: Event): void {
    this.#count(event);
    this.#print(event);
    this.#status();
    this.#tick();
  }

  clear(): void {
    if (this.#shown) this.#terminal.write('\r\x1b[K');
    this.#shown = false;
  }

  /** Updates the data of the status line. */
  #count(event: Event): void {
    switch (event.kind) {
      case 'phase-started':
        this.#phaseName = event.phase;
        this.#phaseShare = '';
        break;
      case 'phase-finished':
        this.#phaseName = '';
        break;
      case 'progress':
        this.#phaseName = event.phase;
        this.#phaseShare = ` ${Math.floor((100 * event.done) / Math.max(1, event.total))} %`;
        break;
      case 'planned':
        this.#units += event.units;
        break;
      case 'unit-started':
        this.#running.set(event.unit, this.#now());
        break;
      case 'unit-finished':
        this.#running.delete(event.unit);
        this.#finished++;
        if (event.outcome === 'hit') this.#hits++;
        break;
      case 'units-skipped':
        this.#finished += event.units;
        this.#hits += event.units;
        break;
      case 'unit-failed':
        this.#running.delete(event.unit);
        break;
    }
  }

  /** Prints permanent lines above the status line. */
  #print(event: Event): void {
    const { colours } = this.#terminal;
    switch (event.kind) {
      case 'phase-finished':
        if (event.durationMs > 1000 || event.note) {
          this.#line(`${colours.bold(event.phase)} ${colours.dim(formatMs(event.durationMs))}${event.note ? ` ${event.note}` : ''}`);
        }
        break;
      case 'unit-missed': {
        const rest = event.reasons.length - shownReasons;
        const reasons = [...event.reasons.slice(0, shownReasons), ...(rest > 0 ? [`and ${rest} more`] : [])];
        // printed even with --quiet, because the user asked for it
        this.#always(`${colours.yellow('missed')} ${event.unit}: ${reasons.join('; ')}`);
        break;
      }
      case 'unit-finished':
        if (event.outcome === 'built') this.#line(`${colours.green('built')} ${event.unit} ${colours.dim(formatMs(event.durationMs))}`);
        break;
      case 'unit-failed':
        this.#line(`${colours.red('failed')} ${event.unit}`);
        break;
      case 'diagnostic':
        this.#always(event.text.replace(/\n$/, ''));
        break;
      case 'repaired':
        this.#line(`${colours.yellow('repaired')} a damaged blob of the cache (${event.digest.slice(0, 12)})`);
        break;
      case 'note':
        this.#line(event.text);
        break;
      case 'warning':
        this.#always(`${colours.yellow('warning:')} ${event.text}`);
        break;
      case 'console':
        this.#line(event.line);
        break;
    }
  }

  #line(text: string): void {
    if (!this.#quiet) this.#always(text);
  }

  #always(text: string): void {
    this.clear();
    this.#terminal.write(`${text}\n`);
  }

  #status(): void {
    const { columns } = this.#terminal;
    if (this.#quiet || columns === undefined) return;
    const now = this.#now();
    const times = [...this.#running].map(([unit, startMs]) => `${unit.split(' ')[0]} ${formatMs(now - startMs)}`).join(', ');
    const counts = `[${this.#finished}/${this.#units}] ${plural(this.#hits, 'hit')}`;
    const text = this.#running.size > 0 ? `${counts} · ${times}` : `${this.#phaseName}${this.#phaseShare}`;
    if (text === '') return;
    this.#terminal.write(`\r\x1b[K${text.slice(0, columns - 1)}`);
    this.#shown = true;
  }

  /** Updates the times of running units while there are any. */
  #tick(): void {
    if (this.#running.size === 0 || this.#quiet || this.#terminal.columns === undefined) {
      clearInterval(this.#ticking);
      this.#ticking = undefined;
    } else this.#ticking ??= setInterval(() => this.#status(), tickMs).unref();
  }
}

/** Each function returns its text with the codes of a terminal around it, or unchanged. */
export type Colours = Readonly<Record<'bold' | 'dim' | 'green' | 'red' | 'yellow', (text: string) => string>>;

const same = (text: string): string => text;
export const plainText: Colours = { bold: same, dim: same, green: same, red: same, yellow: same };

/** Returns functions that add the colours of a terminal, or that return texts unchanged. */
export async function coloursFor(terminal: boolean): Promise<Colours> {
  if (!terminal) return plainText;
  const { Chalk } = await import('chalk');
  return new Chalk({ level: 1 });
}
