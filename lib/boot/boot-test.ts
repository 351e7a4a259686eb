// A boot test: starts the machine, records its console, and judges the transcript until there is a verdict.
// Connects lib/machine and lib/console, which do not import each other. Prints nothing.
import { readFile } from 'node:fs/promises';
import { Dialogue, MenuAnswers } from '../console/dialogue.ts';
import type { Step } from '../console/dialogue.ts';
import { Judge } from '../console/judge.ts';
import { transcript } from '../console/transcript.ts';
import type { Mark, Transcript } from '../console/transcript.ts';
import type { ConsoleRules, GuestSession, Limits } from '../console/rules.ts';
import { question } from '../console/prompts.ts';
import type { Judgement, SeenMilestone } from '../console/verdict.ts';
import { cannot } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import type { MachineDescription, MachineEnd, RunningMachine } from '../machine/machine.ts';
import { evidenceOf } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { consoleChecks, guestSession } from './guest-check.ts';
import type { CheckResult } from './guest-check.ts';
import { startMachine } from './start-machine.ts';
import type { MachineOrder } from './start-machine.ts';

export interface BootTest extends MachineOrder {
  readonly rules: ConsoleRules;
  readonly limits: Limits;
  readonly steps: readonly Step[];
  /** Path of the transcript. */
  readonly log: string;
  /** Called once, when the machine has been started. */
  readonly onStart?: (machine: RunningMachine) => void;
  /** Called at each milestone, after its line was reported. */
  readonly onMilestone?: (milestone: SeenMilestone) => void;
  /** Called once, as soon as there is a verdict and while the machine still exists. */
  readonly onVerdict?: (judgement: Judgement, machine: RunningMachine, evidence: Evidence) => void;
  /** Path of the kernel's ELF file. It supplies names for the addresses on the console of a failed boot. */
  readonly symbols?: string | undefined;
  /** Commands for the guest after it has booted. `onChecks` is called with the results. */
  readonly session?: GuestSession | undefined;
  readonly onChecks?: (results: readonly CheckResult[]) => void;
  /**
   * Called once when the guest has booted, after `session`, with the line of the prompt. The machine keeps
   * running until it returns.
   */
  readonly afterBoot?: (machine: RunningMachine, prompt: string) => Promise<void>;
  /**
   * If false, nothing is typed at a prompt that is only a sign ("# "). Such a prompt counts when no output
   * follows it for the grace window. Default: true.
   */
  readonly ask?: boolean;
  /** Keeps the machine running after the verdict, until it ends by itself or the run is interrupted. */
  readonly keep?: boolean;
}

/** Time for a failed machine to print more: a stack trace follows the first line of a panic. */
const aftermathMs = 1000;

/**
 * Boots and judges. The machine has ended when this returns or throws. If QEMU ends before any console
 * output, that is a Failure (host).
 */
export async function bootTest(test: BootTest, context: Context): Promise<Judgement> {
  const machine = await startMachine(test, context);
  try {
    test.onStart?.(machine);
    const record = transcript(test.log);
    try {
      const judgement = await judgeBoot(machine, test, record, context);
      const { log, symbols, env } = test;
      const about = { machine, judgement, log, display: test.machine.display !== undefined, symbols, path: pathOf(env) };
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

/**
 * Returns what the guest reported through isa-debug-exit, which ends QEMU with the status 2 x value + 1, or
 * undefined if QEMU ended in another way.
 */
function ownStatus({ debugExit }: MachineDescription, exitCode: number | null): { readonly passed: boolean } | undefined {
  if (!debugExit || exitCode === null || exitCode % 2 === 0) return undefined;
  return { passed: exitCode === ((debugExit.success * 2 + 1) & 0xff) };
}

/**
 * Judges a machine that has just been started until there is a verdict. Console lines are reported as they
 * arrive.
 */
async function judgeBoot(machine: RunningMachine, test: BootTest, record: Transcript, context: Context): Promise<Judgement> {
  const boot = new JudgedBoot(machine, test, record, context.report);
  await untilVerdict(boot, machine, context);
  const { verdict } = boot.judge.judgement();
  if ((test.session ?? test.afterBoot) && verdict.kind === 'booted') await useGuest(boot, machine, test, verdict.line, context);
  boot.mark({ kind: 'ended' });
  return boot.judge.judgement();
}

/**
 * A boot while it is judged. The machine's output is passed to the judge and the transcript, and input that
 * is due is typed. This class does not wait.
 */
class JudgedBoot {
  readonly judge: Judge;
  readonly #machine: RunningMachine;
  readonly #test: BootTest;
  readonly #record: Transcript;
  readonly #report: Context['report'];
  readonly #dialogue: Dialogue;
  readonly #menus: MenuAnswers;
  readonly #startMs = performance.now();
  #heard = false;
  #milestones = 0;

  constructor(machine: RunningMachine, test: BootTest, record: Transcript, report: Context['report']) {
    this.judge = new Judge(test.rules, test.limits);
    this.#machine = machine;
    this.#test = test;
    this.#record = record;
    this.#report = report;
    this.#dialogue = new Dialogue(test.steps);
    this.#menus = new MenuAnswers(test.rules.menus ?? []);
    if (test.ask !== false && test.rules.prompts.some(({ bare }) => bare)) this.mark({ kind: 'asks' });
    this.#markDialogue(undefined);
  }

  /** Time in milliseconds until the clock decides, or until a shell has to be asked. */
  get dueInMs(): number {
    return Math.min(this.judge.dueMs ?? 0, this.judge.question?.dueMs ?? Infinity) - this.#nowMs;
  }

  /** Records an event other than console output. */
  mark(what: Mark): void {
    const atMs = this.#nowMs;
    this.#record.mark(atMs, what);
    this.#show(this.judge.mark(atMs, what));
  }

  /** Handles bytes from the console. */
  hear(bytes: Uint8Array): void {
    // Firmware that prints has opened all its files. After this, even SIGKILL leaves no file.
    // stop() removes them again and reports errors
    if (!this.#heard && !this.#test.keep) void this.#machine.release().catch(() => undefined);
    this.#heard = true;
    const atMs = this.#nowMs;
    this.#record.bytes(atMs, bytes);
    this.#show(this.judge.read(atMs, bytes));
    const before = this.#dialogue.waitingFor;
    for (const text of [...this.#menus.hear(bytes), ...this.#dialogue.hear(bytes, this.judge.prompted)]) this.#machine.serial.write(text);
    this.#markDialogue(before);
  }

  /** Records bytes that arrive after the verdict. They are not judged. */
  keep(bytes: Uint8Array): void {
    this.#record.bytes(this.#nowMs, bytes);
  }

  /** Lets the clock decide. Types a question at the shell if it is uncertain whether a prompt is one. */
  tick(): void {
    this.judge.clock(this.#nowMs);
    const { question: due } = this.judge;
    if (!due || due.dueMs > this.#nowMs) return;
    const { typed, answer } = question(due.number);
    this.mark({ kind: 'asked', text: answer });
    this.#machine.serial.write(typed);
  }

  /** Handles the end of the machine. If QEMU failed before any console output, that is a Failure (host). */
  machineEnded({ exitCode, killedBy, hostLines }: MachineEnd): void {
    const own = ownStatus(this.#test.machine, exitCode);
    if (!this.#heard && exitCode !== 0 && !own) {
      const detail = hostLines.join('\n');
      throw cannot('boot the machine', `QEMU ended with ${killedBy ?? `status ${exitCode}`}`, { blame: 'host', detail });
    }
    this.mark(own?.passed ? { kind: 'exited', passed: true } : { kind: 'exited' });
  }

  get #nowMs(): number {
    return Math.round(performance.now() - this.#startMs);
  }

  #show(lines: readonly string[]): void {
    for (const line of lines) this.#report({ kind: 'console', line });
    for (const milestone of this.judge.milestones.slice(this.#milestones)) this.#test.onMilestone?.(milestone);
    this.#milestones = this.judge.milestones.length;
  }

  /** Reports to judge and transcript what the dialogue waits for now. */
  #markDialogue(before: string | undefined): void {
    const text = this.#dialogue.waitingFor;
    if (text === undefined && before !== undefined) this.mark({ kind: 'dialogue-over' });
    else if (text !== undefined && text !== before) this.mark({ kind: 'expecting', text });
  }
}

/**
 * Passes on events until there is a verdict. A machine that failed may keep running for a while. Throws the
 * errors of `boot` and the reason of the signal.
 */
async function untilVerdict(boot: JudgedBoot, machine: RunningMachine, { signal, report }: Context): Promise<void> {
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
    /** Runs `work`. Then it ends with the verdict, or sets a timer for the time at which the clock decides. */
    const attempt = (work: () => void): void => {
      if (over) return;
      try {
        work();
      } catch (error) {
        finish(() => reject(error));
      }
      if (over) return; // `work` may have ended it: an observer can interrupt the run
      clearTimeout(clock);
      const { verdict } = boot.judge;
      if (!verdict) clock = setTimeout(() => attempt(() => boot.tick()), Math.max(1, boot.dueInMs));
      else if (verdict.kind === 'failed') aftermath ??= setTimeout(() => finish(resolve), aftermathMs);
      else finish(resolve);
    };
    const onData = (bytes: Buffer): void => attempt(() => boot.hear(bytes));
    const onAbort = (): void => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort);
    machine.serial.on('data', onData);
    void machine.ended.then((end) => {
      for (const line of over ? [] : end.hostLines) report({ kind: 'note', text: `QEMU: ${line}` });
      attempt(() => boot.machineEnded(end));
      if (!over) finish(resolve);
    });
    if (signal.aborted) onAbort();
    attempt(() => undefined);
  });
}

/**
 * Runs the commands in a guest that has booted, while its console is still recorded. `prompt` is the line of
 * the prompt.
 */
async function useGuest(boot: JudgedBoot, machine: RunningMachine, test: BootTest, prompt: string, context: Context): Promise<void> {
  const keep = (bytes: Buffer): void => boot.keep(bytes);
  machine.serial.on('data', keep);
  try {
    if (test.session) test.onChecks?.(await sessionResults(machine, test, test.session, context));
    await test.afterBoot?.(machine, prompt);
  } finally {
    machine.serial.off('data', keep);
  }
}

/** Runs the session of the page. Its rows about the console are searched for in the whole transcript. */
async function sessionResults(
  machine: RunningMachine,
  test: BootTest,
  session: GuestSession,
  context: Context,
): Promise<readonly CheckResult[]> {
  const results = await guestSession(machine.serial, machine.ended, session, { stamp: test.rules.stamp, ...context });
  const said = session.console === undefined ? [] : consoleChecks(await readFile(test.log), session.console);
  return [...results, ...said];
}
