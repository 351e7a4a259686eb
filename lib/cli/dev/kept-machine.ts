// The machine of tasks/dev.ts: it is booted and judged, and then keeps running until the next one replaces
// it.
import type { Duplex } from 'node:stream';
import { bootTest } from '../../boot/boot-test.ts';
import type { BootTest } from '../../boot/boot-test.ts';
import type { Evidence } from '../../boot/evidence.ts';
import type { Judgement } from '../../console/verdict.ts';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import type { MachineControl } from '../../machine/machine.ts';

/** Size of the console output that is kept for a user who opens the console. */
const keptBytes = 64 * 1024;

export interface KeptBoot {
  readonly judgement: Judgement;
  readonly evidence: Evidence;
  /** Time that the end of the previous machine took, in milliseconds. */
  readonly stopMs: number;
  /** Milliseconds from the start of the machine. */
  readonly firstMilestoneMs: number | undefined;
  readonly promptMs: number | undefined;
  readonly verdictMs: number;
}

type Order = Omit<BootTest, 'keep' | 'onStart' | 'onVerdict' | 'onMilestone'>;

export class KeptMachine {
  #abort: AbortController | undefined;
  #over: Promise<unknown> = Promise.resolve();
  #serial: Duplex | undefined;
  #control: MachineControl | undefined;
  #shown: Buffer[] = [];

  /** The console of the running machine. Undefined without one. */
  get serial(): Duplex | undefined {
    return this.#serial?.destroyed === false ? this.#serial : undefined;
  }

  get isRunning(): boolean {
    return this.serial !== undefined;
  }

  /** The last part of the console output. */
  get shown(): Buffer {
    return Buffer.concat(this.#shown);
  }

  /**
   * Ends the previous machine, boots another one and returns its verdict. Only a machine that booted keeps
   * running. An abort of `signal` ends it.
   */
  async boot(order: Order, { signal, report }: Context, onMilestone: (name: string) => void): Promise<KeptBoot> {
    const stopsMs = performance.now();
    await this.stop();
    signal.throwIfAborted();
    const startMs = performance.now();
    const times: { first?: number; prompt?: number } = {};
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#abort = abort;
    try {
      const booted = await new Promise<KeptBoot>((resolve, reject) => {
        const run = bootTest(
          {
            ...order,
            keep: true,
            onStart: (machine) => this.#take(machine),
            onMilestone: ({ name }) => {
              times.first ??= performance.now() - startMs;
              if (name === 'prompt') times.prompt = performance.now() - startMs;
              onMilestone(name);
            },
            onVerdict: (judgement, _machine, evidence) => {
              const at = { firstMilestoneMs: times.first, promptMs: times.prompt, verdictMs: performance.now() - startMs };
              resolve({ judgement, evidence, stopMs: startMs - stopsMs, ...at });
            },
          },
          { signal: abort.signal, report },
        );
        this.#over = run.catch(() => undefined); // rejects with the error of `reject`, or with the reason of an abort
        run.then(() => reject(new Error('a boot ended without a verdict')), reject);
      });
      if (booted.judgement.verdict.kind !== 'booted') await this.stop();
      return booted;
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) await this.stop();
    }
  }

  /**
   * Pauses its processors, so that they take no time from a compiler. A machine that cannot be paused keeps
   * running.
   */
  async pause(): Promise<void> {
    if (this.isRunning) await this.#control?.pause().catch(() => undefined);
  }

  async resume(): Promise<void> {
    if (this.isRunning) await this.#control?.resume().catch(() => undefined);
  }

  /** Ends the machine. The process and its files are gone when this returns. */
  async stop(): Promise<void> {
    this.#abort?.abort(new Failure('interrupted', 'the machine was stopped'));
    await this.#over;
    this.#serial = undefined;
    this.#control = undefined;
    this.#shown = [];
  }

  #take({ serial, control }: { readonly serial: Duplex; readonly control: MachineControl | undefined }): void {
    this.#serial = serial;
    this.#control = control;
    let size = 0;
    serial.on('data', (bytes: Buffer) => {
      this.#shown.push(bytes);
      size += bytes.length;
      while (size > keptBytes && this.#shown.length > 1) size -= this.#shown.shift()?.length ?? 0;
    });
  }
}
