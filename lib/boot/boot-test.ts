// A boot test: the machine is started, its console recorded, and the record judged until there is a verdict. Joins lib/machine and
// lib/console, which do not know each other; prints nothing.
import { readFile } from 'node:fs/promises';
import { Dialogue } from '../console/dialogue.ts';
import type { Step } from '../console/dialogue.ts';
import { Judge } from '../console/judge.ts';
import type { Mark } from '../console/marks.ts';
import { MenuAnswers } from '../console/menu.ts';
import type { ConsoleRules, Limits } from '../console/rules.ts';
import { question } from '../console/unsure-prompt.ts';
import { transcript } from '../console/transcript.ts';
import type { Transcript } from '../console/transcript.ts';
import type { Judgement, SeenMilestone } from '../console/verdict.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { RunningMachine } from '../machine/qemu/launch.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { evidenceOf } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { consoleChecks, guestSession } from './guest-check.ts';
import type { CheckResult } from './guest-check.ts';
import type { GuestSession } from '../system/guest-session.ts';
import { startMachine } from './start-machine.ts';
import type { MachineOrder } from './machine-order.ts';

export interface BootTest extends MachineOrder {
  readonly rules: ConsoleRules;
  readonly limits: Limits;
  readonly steps: readonly Step[];
  /** Where the transcript is written. */
  readonly log: string;
  /** Called once, when the machine has been started. */
  readonly onStart?: (machine: RunningMachine) => void;
  /** Called at each milestone, after its line was reported. */
  readonly onMilestone?: (milestone: SeenMilestone) => void;
  /** Called once, as soon as there is a verdict and while the machine is still there. */
  readonly onVerdict?: (judgement: Judgement, machine: RunningMachine, evidence: Evidence) => void;
  /** The kernel's ELF file, by which addresses on the console of a failed boot get names. */
  readonly symbols?: string | undefined;
  /** What is done in the guest once it has booted; `onChecks` is told how it went. */
  readonly session?: GuestSession | undefined;
  readonly onChecks?: (results: readonly CheckResult[]) => void;
  /** Called once when the guest has booted, after `session`, with the line of the prompt. The machine goes on until it returns. */
  readonly afterBoot?: (machine: RunningMachine, prompt: string) => Promise<void>;
  /** False: nothing is typed at a prompt that is only a sign ("# "); it counts when nothing follows it for the grace window. Default: true. */
  readonly ask?: boolean;
  /** Leave the machine running after the verdict, until it ends by itself or the run is interrupted. */
  readonly keep?: boolean;
}

/** How long a failed machine may go on telling why: a stack trace follows its panic's first line. */
const aftermathMs = 1000;

/** Boots and judges; the machine is gone when this returns or throws. A QEMU that dies without a word on the console is a Failure (host). */
export async function bootTest(test: BootTest, context: Context): Promise<Judgement> {
  const machine = await startMachine(test, context);
  try {
    test.onStart?.(machine);
    const record = transcript(test.log);
    try {
      const judgement = await judgeBoot(machine, test, record, context);
      const { log, symbols, env } = test;
      const about = { machine, judgement, log, display: test.machine.display !== undefined, symbols, path: env['PATH'] ?? '' };
      test.onVerdict?.(judgement, machine, await evidenceOf(about, context));
      if (test.keep) await machine.ended;
      return judgement;
    } finally {
      record.close();
    }
  } finally {
    await machine.stop();
  }
}

/** What the guest said by isa-debug-exit, which ends QEMU with the status 2 x value + 1; undefined where QEMU ended in another way. */
function ownStatus({ debugExit }: MachineDescription, exitCode: number | null): { readonly passed: boolean } | undefined {
  if (!debugExit || exitCode === null || exitCode % 2 === 0) return undefined;
  return { passed: exitCode === ((debugExit.success * 2 + 1) & 0xff) };
}

/** Judges a machine that has just been started, until there is a verdict; console lines are reported as they come. */
async function judgeBoot(machine: RunningMachine, test: BootTest, record: Transcript, { signal, report }: Context): Promise<Judgement> {
  const startMs = performance.now();
  const nowMs = (): number => Math.round(performance.now() - startMs);
  const judge = new Judge(test.rules, test.limits);
  const dialogue = new Dialogue(test.steps);
  const menus = new MenuAnswers(test.rules.menus ?? []);
  let heard = false;
  let milestones = 0;

  const show = (lines: readonly string[]): void => {
    for (const line of lines) report({ kind: 'console', line });
    for (const milestone of judge.milestones.slice(milestones)) test.onMilestone?.(milestone);
    milestones = judge.milestones.length;
  };
  const mark = (what: Mark): void => {
    const atMs = nowMs();
    record.mark(atMs, what);
    show(judge.mark(atMs, what));
  };
  /** Tells judge and record what the dialogue waits for now. */
  const markDialogue = (before: string | undefined): void => {
    const text = dialogue.waitingFor;
    if (text === undefined && before !== undefined) mark({ kind: 'dialogue-over' });
    else if (text !== undefined && text !== before) mark({ kind: 'expecting', text });
  };
  const hear = (bytes: Uint8Array): void => {
    // Firmware that speaks has opened all its files: from here on not even SIGKILL leaves one behind.
    if (!heard && !test.keep) void machine.release().catch(() => undefined); // stop() removes them again and tells
    heard = true;
    const atMs = nowMs();
    record.bytes(atMs, bytes);
    show(judge.read(atMs, bytes));
    const before = dialogue.waitingFor;
    for (const text of [...menus.hear(bytes), ...dialogue.hear(bytes, judge.prompted)]) machine.serial.write(text);
    markDialogue(before);
  };

  /** Lets the clock decide, and asks a shell where a prompt is unsure. */
  const tick = (): void => {
    judge.clock(nowMs());
    const { question: due } = judge;
    if (!due || due.dueMs > nowMs()) return;
    const { typed, answer } = question(due.number);
    mark({ kind: 'asked', text: answer });
    machine.serial.write(typed);
  };
  const nextMs = (): number => Math.min(judge.dueMs ?? 0, judge.question?.dueMs ?? Infinity);

  if (test.ask !== false && test.rules.prompts.some(({ bare }) => bare)) mark({ kind: 'asks' });
  markDialogue(undefined);
  await new Promise<void>((resolve, reject) => {
    let clock: NodeJS.Timeout | undefined;
    let aftermath: NodeJS.Timeout | undefined;
    let over = false;
    const finish = (end: () => void): void => {
      over = true;
      clearTimeout(clock);
      clearTimeout(aftermath);
      machine.serial.off('data', onData);
      signal.removeEventListener('abort', onAbort);
      end();
    };
    /** Does what has happened, then ends with a verdict or sets the clock to the time at which it decides. */
    const attempt = (work: () => void): void => {
      if (over) return;
      try {
        work();
      } catch (error) {
        finish(() => reject(error));
      }
      if (over) return; // `work` may have ended it: an observer that interrupts the run
      clearTimeout(clock);
      if (!judge.verdict) clock = setTimeout(() => attempt(tick), Math.max(1, nextMs() - nowMs()));
      else if (judge.verdict.kind === 'failed') aftermath ??= setTimeout(() => finish(resolve), aftermathMs);
      else finish(resolve);
    };
    const onData = (bytes: Buffer): void => attempt(() => hear(bytes));
    const onAbort = (): void => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort);
    machine.serial.on('data', onData);
    void machine.ended.then(({ exitCode, killedBy, hostLines }) => {
      for (const line of over ? [] : hostLines) report({ kind: 'note', text: `QEMU: ${line}` });
      attempt(() => {
        const own = ownStatus(test.machine, exitCode);
        if (!heard && exitCode !== 0 && !own) {
          throw cannot('boot the machine', `QEMU ended with ${killedBy ?? `status ${exitCode}`}`, {
            blame: 'host',
            detail: hostLines.join('\n'),
          });
        }
        mark(own?.passed ? { kind: 'exited', passed: true } : { kind: 'exited' });
      });
      if (!over) finish(resolve);
    });
    if (signal.aborted) onAbort();
    attempt(() => undefined);
  });
  const judged = judge.judgement();
  if ((test.session ?? test.afterBoot) && judged.verdict.kind === 'booted') {
    const keep = (bytes: Buffer): void => record.bytes(nowMs(), bytes);
    machine.serial.on('data', keep);
    try {
      if (test.session) test.onChecks?.(await sessionResults(machine, test, test.session, { signal, report }));
      await test.afterBoot?.(machine, judged.verdict.line);
    } finally {
      machine.serial.off('data', keep);
    }
  }
  mark({ kind: 'ended' });
  return judge.judgement();
}

/** Carries out the session of the page; the console's rows are looked for in the whole transcript. */
async function sessionResults(machine: RunningMachine, test: BootTest, session: GuestSession, context: Context): Promise<readonly CheckResult[]> {
  const results = await guestSession(machine.serial, machine.ended, session, { stamp: test.rules.stamp, ...context });
  const said = session.console === undefined ? [] : consoleChecks(await readFile(test.log), session.console);
  return [...results, ...said];
}
