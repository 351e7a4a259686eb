// The output of tasks/dev.ts. While the console of a machine uses the terminal, all other output waits.
import type { Report } from '../../core/events.ts';
import type { Task } from '../task.ts';

export class Screen {
  readonly #task: Pick<Task, 'report' | 'print'>;
  #held: (() => void)[] | undefined;

  constructor(task: Pick<Task, 'report' | 'print'>) {
    this.#task = task;
  }

  readonly report: Report = (event) => this.#do(() => this.#task.report(event));

  note(text: string): void {
    this.report({ kind: 'note', text });
  }

  /** Prints a line of the result. */
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
