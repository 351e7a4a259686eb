// What tasks/dev.ts prints. While the console of a machine has the terminal, everything else waits.
import type { Event, Report } from '../../core/events.ts';
import type { Task } from '../task.ts';

export class Screen {
  readonly #task: Pick<Task, 'report' | 'print'>;
  readonly #seen = new Set<string>();
  #held: (() => void)[] | undefined;

  constructor(task: Pick<Task, 'report' | 'print'>) {
    this.#task = task;
  }

  /** Notes of builds are the same in every round: each is shown once. */
  readonly ofBuild: Report = (event) => {
    if (event.kind === 'note' && this.#seen.has(event.text)) return;
    if (event.kind === 'note') this.#seen.add(event.text);
    this.#do(() => this.#task.report(event));
  };

  note(text: string): void {
    const event: Event = { kind: 'note', text };
    this.#do(() => this.#task.report(event));
  }

  /** A line of result. */
  print(line: string): void {
    this.#do(() => this.#task.print(line));
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const show of held) show();
  }

  #do(show: () => void): void {
    if (this.#held) this.#held.push(show);
    else show();
  }
}
