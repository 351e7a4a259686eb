// Boots a kernel that runs its own tests, and reports each test. A test that ends the kernel or prints
// nothing for too long is a failure. The kernel is then booted again for the remaining tests, if its command
// line can select tests.
import { Cleaner } from '../console/lines/clean.ts';
import { KernelTestLines } from '../console/kernel-test-lines.ts';
import type { KernelTest } from '../console/kernel-test-lines.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { startMachine } from './start-machine.ts';
import type { MachineOrder } from './start-machine.ts';

export interface KernelTestRequest {
  /** The machine with a kernel that was compiled with a selection of tests. */
  readonly order: MachineOrder;
  /** A test that prints nothing for this time has failed. */
  readonly silenceMs: number;
  /** Called when a test has ended. */
  readonly onTest?: (result: KernelTestResult) => void;
  /** Called with each line of the console. */
  readonly onLine?: (line: string) => void;
}

export interface KernelTestResult {
  readonly path: string;
  readonly result: 'passed' | 'failed' | 'timed out';
  readonly output: readonly string[];
  readonly ms: number;
}

export interface KernelTestRun {
  readonly results: readonly KernelTestResult[];
  /**
   * Number of tests that were not run, because the kernel would have started from the first test after a
   * restart.
   */
  readonly notRun: number;
  readonly boots: number;
}

/** Runs the tests. A kernel that prints no results of tests is a Failure. */
export async function runKernelTests(request: KernelTestRequest, context: Context): Promise<KernelTestRun> {
  const results: KernelTestResult[] = [];
  for (let boots = 1; ; boots++) {
    const { lines, silent } = await bootOnce(request, results.length, context);
    if (lines.announced === undefined) {
      throw cannot('run the tests of the kernel', `it ${silent ? 'stopped printing' : 'ended'} before it printed the number of tests`, {
        hint: 'test-boot.ts without --ktest shows how it boots',
      });
    }
    const again = boots > 1 && lines.tests[0]?.path === results[0]?.path;
    if (again) return { results, notRun: lines.expected - results.length, boots };
    for (const test of lines.tests) {
      const result = resultOf(test, silent);
      results.push(result);
      request.onTest?.(result);
    }
    if (lines.done) return { results, notRun: 0, boots };
    // A runner that catches panics ends after the first crate with a failure. A runner that does not is
    // restarted for the remaining tests.
    if (lines.crateEnded || lines.tests.length === 0) return { results, notRun: Math.max(0, lines.expected - results.length), boots };
  }
}

function resultOf({ path, result, output, ms }: KernelTest, silent: boolean): KernelTestResult {
  return { path, output, ms, result: result === 'passed' ? 'passed' : result === 'unfinished' && silent ? 'timed out' : 'failed' };
}

/** Boots until the kernel ends or prints nothing for too long. */
async function bootOnce(
  { order, silenceMs, onLine }: KernelTestRequest,
  skip: number,
  context: Context,
): Promise<{ readonly lines: KernelTestLines; readonly silent: boolean }> {
  const { kernel } = order.machine;
  if (!kernel) throw cannot('run the tests of the kernel', 'the machine does not start it directly');
  const own = skip === 0 ? kernel : { ...kernel, commandLine: `ktest.skip=${skip} ${kernel.commandLine}` };
  const machine = await startMachine({ ...order, machine: { ...order.machine, kernel: own } }, context);
  const startMs = performance.now();
  const cleaner = new Cleaner();
  const lines = new KernelTestLines();
  let silent = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      void machine.stop();
    }, silenceMs);
  };
  const take = (all: readonly string[]): void => {
    for (const line of all) {
      onLine?.(line);
      lines.line(line, Math.round(performance.now() - startMs));
    }
  };
  try {
    wait();
    for await (const bytes of machine.serial) {
      wait();
      take(cleaner.push(bytes as Uint8Array));
      lines.unfinished(cleaner.unfinished, Math.round(performance.now() - startMs));
    }
    context.signal.throwIfAborted();
    // The last line of a test that was interrupted has no line end.
    take(cleaner.end());
    lines.end(Math.round(performance.now() - startMs));
    return { lines, silent };
  } finally {
    clearTimeout(timer);
    await machine.stop();
  }
}
