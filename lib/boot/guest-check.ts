// Checks in the guest: commands that are typed at the shell after the login, each with the output that it
// must print. The checks are rows of data. The dialogue is in lib/console/shell.ts.
import { Cleaner } from '../console/lines/clean.ts';
import { Shell } from '../console/shell.ts';
import type { ShellLine } from '../console/shell.ts';
import type { LineRule, GuestCheck, GuestSession } from '../console/rules.ts';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  /** The actual output, if the check failed. */
  readonly seen?: string;
}

const answerTimeoutMs = 90_000;
const powerOffTimeoutMs = 90_000;

/** Logs in and runs every check, even after one has failed. `ended` settles when the machine has ended. */
export async function guestSession(
  line: ShellLine,
  ended: Promise<unknown>,
  { login, checks, powerOff }: GuestSession,
  { stamp, signal, report }: Context & { readonly stamp?: LineRule | undefined },
): Promise<readonly CheckResult[]> {
  const gone = new AbortController(); // the guest does not answer any more
  void ended.then(() => gone.abort(new Failure('failed', 'the machine has ended')));
  const shell = new Shell(line, { stamp, signal: AbortSignal.any([signal, gone.signal]), timeoutMs: answerTimeoutMs });
  const results: CheckResult[] = [];
  const add = (result: CheckResult): void => {
    results.push(result);
    report({
      kind: 'note',
      text: `${result.passed ? 'ok' : 'FAILED'}: ${result.name}${result.seen === undefined ? '' : `: ${result.seen}`}`,
    });
  };
  try {
    const first = login ? `log in as ${login.user}` : 'find a shell';
    add(await asCheck(first, () => shell.login(login?.user, login?.password)));
    if (results.some(({ passed }) => !passed)) return results;
    for (const check of checks) add(await checked(shell, check));
    if (powerOff !== undefined) add(await asCheck('power off', () => powerDown(line, ended, powerOff, signal)));
  } finally {
    shell.close();
  }
  return results;
}

async function checked(shell: Shell, { name, run, expect, status = 0 }: GuestCheck): Promise<CheckResult> {
  return await asCheck(name, async () => {
    const result = await shell.run(run);
    if (result.status === status && meets(result.output, expect)) return;
    const last = result.output.trim().split('\n').slice(-3).join(' / ');
    throw new Failure('failed', `"${run}" gave status ${result.status} and "${last}"`);
  });
}

function meets(output: string, expect: RegExp | string): boolean {
  return typeof expect === 'string' ? output.trim() === expect : expect.test(output.trim());
}

/** Returns which of the console's rows the whole transcript contains. */
export function consoleChecks(record: Uint8Array, rows: GuestSession['console'] = []): readonly CheckResult[] {
  const cleaner = new Cleaner();
  const text = [...cleaner.push(record), cleaner.unfinished].join('\n');
  return rows.map(({ name, expect }) => (expect.test(text) ? { name, passed: true } : { name, passed: false, seen: `no ${expect}` }));
}

async function asCheck(name: string, work: () => Promise<void>): Promise<CheckResult> {
  try {
    await work();
    return { name, passed: true };
  } catch (error) {
    if (!(error instanceof Failure) || error.blame === 'interrupted') throw error;
    return { name, passed: false, seen: error.message };
  }
}

async function powerDown(line: ShellLine, ended: Promise<unknown>, command: string, signal: AbortSignal): Promise<void> {
  line.write(`${command}\r`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), powerOffTimeoutMs);
  });
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  try {
    if ((await Promise.race([ended.then(() => 'ended' as const), late, aborted])) === 'late') {
      throw new Failure('failed', `"${command}" has not ended the machine within ${powerOffTimeoutMs / 1000} s`);
    }
  } finally {
    clearTimeout(timer);
  }
}
