// Measures the parts of a build from its events.
import type { Event, Report } from '../../core/events.ts';
import type { RoundParts } from './round-result.ts';

const phases: Readonly<Record<string, 'plan' | 'image'>> = { planning: 'plan', 'assembling the image': 'image' };

export class BuildClock {
  readonly #now: () => number;
  readonly #startMs: number;
  readonly #running = new Set<string>();
  readonly #parts = { plan: 0, compile: 0, image: 0 };
  #busySinceMs = 0;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startMs = now();
  }

  /** Passes events on and records their times. */
  watch(report: Report): Report {
    return (event) => {
      this.#take(event);
      report(event);
    };
  }

  /** Returns the parts so far. */
  parts(): RoundParts & { readonly total: number } {
    const total = this.#now() - this.#startMs;
    const { plan, compile, image } = this.#parts;
    return { plan, compile, image, other: Math.max(0, total - plan - compile - image), total };
  }

  #take(event: Event): void {
    if (event.kind === 'unit-started') {
      if (this.#running.size === 0) this.#busySinceMs = this.#now();
      this.#running.add(event.unit);
    } else if (event.kind === 'unit-finished' || event.kind === 'unit-failed') {
      if (this.#running.delete(event.unit) && this.#running.size === 0) this.#parts.compile += this.#now() - this.#busySinceMs;
    } else if (event.kind === 'phase-finished') {
      const part = phases[event.phase];
      if (part) this.#parts[part] += event.durationMs;
    }
  }
}

/** Notes of builds are the same in every round. Each is passed on once. */
export class NotesOnce {
  readonly #seen = new Set<string>();

  of(report: Report): Report {
    return (event) => {
      if (event.kind === 'note' && this.#seen.has(event.text)) return;
      if (event.kind === 'note') this.#seen.add(event.text);
      report(event);
    };
  }
}
