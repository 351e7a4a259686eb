// The boot verdict: a state machine of timed chunks. It is a pure function of its inputs (bytes, marks, the clock), so a
// recorded transcript gives the same verdict as the run. It knows no machine, no file and no system.
//
//   waiting --prompt, or a bare sign that answers--> prompted --grace window over, nothing expected--> booted
//   waiting | prompted --fatal panic--> failed
//   waiting | expecting --silence limit or time limit over--> stalled
//   waiting | expecting --the machine ended--> exited-early
//   any --it announced a restart, and restarts--> waiting, as often as the limits allow
//
// A panic after "booted" is a finding. Without times every panic after the prompt is a finding, unless by the kernel's stamps it is in the window.
import { Cleaner } from './lines/clean.ts';
import { Continuation, withoutPrefixes } from './lines/prefixes.ts';
import type { Stamped } from './lines/prefixes.ts';
import { FindingList, suspects } from './findings.ts';
import type { Mark } from './transcript.ts';
import { isOneOf, matcher } from './lines/matcher.ts';
import type { Matcher, Meaning, SeenPrompt } from './lines/matcher.ts';
import { lastPromptOf, promptOf, UnsurePrompt } from './prompts.ts';
import type { PlacedPrompt } from './prompts.ts';
import { claimLines } from './rules.ts';
import type { ConsoleRules, FailureKind, Limits, Milestone, PanicRule, Stage } from './rules.ts';
import type { Judgement, SeenMilestone, Verdict } from './verdict.ts';

/** Used as the line of the prompt. */
const passedLine = 'the guest ended with its status of success';

const keptLines = 40;
/** Number of lines that are searched for suspicious ones. */
const weighedLines = 400;
/** Number of restarts that a boot may announce, unless its limits say otherwise: a first boot, or a kernel that loads another. */
const usualRestarts = 1;
/** A machine that makes no progress has started over when its first lines come for the third time: some machines print them twice. */
const loopsWithoutProgress = 3;
/**
 * The kernel's clock was set back from a time later than the first to one earlier than the second. Lines of several processors may differ by
 * less.
 */
const ranSeconds = 2;
const restartedSeconds = 1;
/** Time after which an unclaimed fault is fatal if no further line follows. */
const claimMs = 3000;

const stages: readonly Stage[] = ['firmware', 'loader', 'kernel', 'init', 'userland', 'prompt'];

interface Fault {
  readonly rule: PanicRule;
  readonly line: string;
  readonly atMs: number;
  linesLeft: number;
}

export class Judge {
  readonly #match: Matcher;
  readonly #panics: readonly PanicRule[];
  readonly #limits: Limits;
  readonly #timed: boolean;
  readonly #cleaner = new Cleaner();
  readonly #continuation: Continuation;
  readonly #milestones: SeenMilestone[] = [];
  readonly #findings = new FindingList();
  readonly #lastLines: string[] = [];
  #verdict: Verdict | undefined;
  #stage: Stage = 'firmware';
  /** How often each milestone with `once` was seen, and the kernel's own clock. */
  readonly #returned = new Map<number, number>();
  #kernelSeconds = 0;
  #promptSeconds = 0;
  #nextMilestone = 0;
  #lastHeardMs = 0;
  #prompt: { line: string; atMs: number } | undefined;
  /** Start of the grace window: the time of the prompt, or the end of the dialogue. */
  #graceFromMs = 0;
  #expecting: string | undefined;
  /** The machine has announced that it will end, or a dialogue may have caused it. */
  #goesOnPurpose = false;
  #fault: Fault | undefined;
  /** A line that makes the prompt of a shell a failure. */
  #forerunner: Fault | undefined;
  readonly #unsure = new UnsurePrompt();
  /** The machine has announced a restart, and the number of restarts. */
  #restartAnnounced = false;
  #restarts = 0;
  /** A user has typed at a shell. After that, the kernel's first lines are the output of a program. */
  #session = false;

  /** `timed`: the given times are real. Otherwise no clock decides anything. */
  constructor(rules: ConsoleRules, limits: Limits, timed = true) {
    this.#match = matcher(rules);
    this.#continuation = new Continuation(rules.stamp);
    this.#panics = rules.panics;
    this.#limits = limits;
    this.#timed = timed;
  }

  get verdict(): Verdict | undefined {
    return this.#verdict;
  }

  get prompted(): boolean {
    return this.#prompt !== undefined;
  }

  get milestones(): readonly SeenMilestone[] {
    return this.#milestones;
  }

  /** Time at which the clock decides if nothing more arrives. Undefined when it decides nothing any more. */
  get dueMs(): number | undefined {
    if (this.#verdict || !this.#timed) return undefined;
    if (this.#unsure.pending && !this.#prompt) return this.#unsure.pending.atMs + this.#limits.graceMs;
    if (this.#prompt && this.#expecting === undefined)
      return this.#fault ? this.#fault.atMs + claimMs : this.#graceFromMs + this.#limits.graceMs;
    const silence = Math.min(this.#lastHeardMs + this.#limits.silenceMs, this.#limits.timeoutMs);
    return this.#fault ? Math.min(silence, this.#fault.atMs + claimMs) : silence;
  }

  /** Time at which a question is to be typed at the shell if nothing more arrives, and its number. Undefined if there is no question. */
  get question(): { readonly dueMs: number; readonly number: number } | undefined {
    const { doubtful, questions } = this.#unsure;
    if (!doubtful || this.#verdict || this.#prompt) return undefined;
    return { dueMs: doubtful.atMs + this.#limits.graceMs, number: questions + 1 };
  }

  /** Handles bytes. Returns the cleaned lines that they complete. */
  read(atMs: number, bytes: Uint8Array): readonly string[] {
    this.clock(atMs);
    const lines = this.#cleaner.push(bytes);
    for (const line of lines) this.#line(atMs, line);
    const { unfinished } = this.#cleaner;
    this.#unsure.forget();
    if (this.#timed) for (const text of [unfinished, ...this.#continuation.wholes(unfinished)]) this.#seePrompt(atMs, text);
    this.#lastHeardMs = atMs;
    return lines;
  }

  /** Handles another event. Returns the last line if it was unfinished and nothing will follow. */
  mark(atMs: number, mark: Mark): readonly string[] {
    this.clock(atMs);
    switch (mark.kind) {
      case 'expecting':
        this.#expecting = mark.text;
        if (this.#prompt) this.#session = true;
        this.#goesOnPurpose = true;
        this.#lastHeardMs = atMs; // the expected text has come, or input was sent
        return [];
      case 'dialogue-over':
        this.#expecting = undefined;
        this.#goesOnPurpose = true;
        this.#graceFromMs = atMs;
        return [];
      case 'asks':
        this.#unsure.ask();
        return [];
      case 'asked':
        this.#unsure.asked(mark.text);
        return [];
      case 'exited':
      case 'ended': {
        const lines = this.#cleaner.end();
        for (const line of lines) this.#line(atMs, line);
        this.#lastPrompt(atMs);
        if (this.#fault) this.#fails(this.#fault.atMs, this.#fault.rule.kind, this.#fault.line);
        if (mark.kind === 'exited' && mark.passed) this.#verdict ??= this.#booted({ line: passedLine, atMs });
        this.#verdict ??= this.#lastWord(atMs, mark.kind);
        return lines;
      }
    }
  }

  /** Handles the passing of time without bytes. */
  clock(atMs: number): void {
    for (let due = this.dueMs; due !== undefined && due <= atMs; due = this.dueMs) {
      if (this.#fault && due === this.#fault.atMs + claimMs) this.#fails(this.#fault.atMs, this.#fault.rule.kind, this.#fault.line);
      else if (this.#unsure.pending && !this.#prompt) this.#prompted(this.#unsure.pending.prompt, this.#unsure.pending.atMs);
      else if (this.#prompt && this.#expecting === undefined) this.#verdict = this.#booted(this.#prompt);
      else this.#verdict = this.#stalled(due);
    }
  }

  /** Returns the whole judgement. Call it when there is a verdict. */
  judgement(): Judgement {
    const verdict = this.#verdict ?? this.#lastWord(this.#lastHeardMs, 'ended');
    const findings = this.#findings.all();
    const { unanswered, questions } = this.#unsure;
    if (unanswered && !this.#prompt) findings.push({ kind: 'unanswered-prompt', line: unanswered.text, count: questions });
    const why = verdict.kind === 'stalled' || verdict.kind === 'exited-early' ? suspects(this.#lastLines) : [];
    return { verdict, milestones: [...this.#milestones], findings, lastLines: this.#lastLines.slice(-keptLines), suspects: why };
  }

  #line(atMs: number, line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > 2 * weighedLines) this.#lastLines.splice(0, weighedLines);
    const stamp = this.#continuation.stamped(line);
    let meaning = this.#meaning(line, stamp);
    const wholes = this.#continuation.end(line, stamp, meaning !== undefined);
    this.#unsure.forget(); // the line has ended
    // No prompt begins with a stamp. If a stamp cuts a prompt, the rest of it is among the wholes.
    if (stamp?.at !== 0) this.#seePrompt(atMs, line, true);
    for (const text of wholes) this.#seePrompt(atMs, text, true);
    const confirmed = this.#unsure.confirmedBy(line);
    if (confirmed && !this.#prompt && !this.#verdict) this.#confirmed(confirmed);
    if (this.#verdict && this.#verdict.kind !== 'booted') return; // lines that follow the failure
    if (stamp) this.#kernelClock(atMs, stamp.seconds, line);
    for (const text of wholes) meaning ??= this.#meaning(text, this.#continuation.stamped(text));
    if (this.#fault && --this.#fault.linesLeft < 0) this.#fails(this.#fault.atMs, this.#fault.rule.kind, this.#fault.line);
    if (meaning?.kind === 'panic') this.#panic(atMs, meaning.rule, meaning.who, line);
    else if (meaning?.kind === 'milestone') this.#milestone(atMs, meaning.index, meaning.milestone, line);
    else if (meaning?.kind === 'finding') this.#findings.add(meaning.rule.kind, line);
    else if (meaning) this.#goesOnPurpose = true;
    if (meaning?.kind === 'restart') this.#restartAnnounced = true;
  }

  get #kernelStamps(): boolean {
    return this.#kernelSeconds > 0;
  }

  #isStamped(line: string): boolean {
    return this.#continuation.stamped(line) !== undefined;
  }

  #meaning(padded: string, stamp: Stamped | undefined): Meaning | undefined {
    const line = padded.trimEnd();
    const body = stamp && line.slice(stamp.end);
    if (body === undefined) return this.#match.meaning(line, withoutPrefixes(line));
    // Nearly all lines of a kernel have nothing before the stamp.
    if (stamp?.at === 0) return this.#match.meaning(body, withoutPrefixes(body));
    return this.#match.meaning(line, [body, ...withoutPrefixes(line), ...withoutPrefixes(body)]);
  }

  /** A kernel that has run for a while does not print its first second again. */
  #kernelClock(atMs: number, seconds: number, line: string): void {
    const before = this.#kernelSeconds;
    this.#kernelSeconds = seconds;
    if (seconds < restartedSeconds && before > ranSeconds && !this.#verdict) this.#startsOver(atMs, line, before);
  }

  /** Handles a restart of the machine: an announced one, or one in a loop. */
  #startsOver(atMs: number, line: string, kernelSeconds = this.#kernelSeconds): void {
    if (this.#session) return; // a user displays the kernel's messages
    if (!this.#restartAnnounced || this.#restarts >= (this.#limits.reboots ?? usualRestarts)) {
      const now = this.#kernelSeconds;
      this.#kernelSeconds = kernelSeconds;
      this.#fails(atMs, 'boot-loop', line);
      this.#kernelSeconds = now;
      return;
    }
    this.#restarts++;
    this.#findings.add('restart', line);
    this.#restartAnnounced = false;
    this.#goesOnPurpose = false;
    this.#prompt = undefined;
    this.#survived();
    this.#returned.clear();
    this.#nextMilestone = 0;
    this.#stage = 'firmware';
  }

  #panic(atMs: number, rule: PanicRule, who: string | undefined, line: string): void {
    const fault = { rule, line, atMs, linesLeft: claimLines };
    if (rule.fatal === 'unless-claimed') this.#fault ??= fault;
    else if (rule.fatal === 'if-shell-follows') this.#forerunner ??= fault;
    else if (rule.fatal === 'always' || isOneOf(who, rule.fatal.of)) {
      const told = this.#fault && this.#isMoreTelling(this.#fault.rule, rule) ? this.#fault : { rule, line, atMs };
      this.#fails(told.atMs, told.rule.kind, told.line);
    } else {
      this.#survived();
      this.#findings.add(rule.kind, line);
    }
  }

  #isMoreTelling(a: PanicRule, b: PanicRule): boolean {
    return this.#panics.indexOf(a) < this.#panics.indexOf(b);
  }

  /** The fault belonged to a program without which the system continues. */
  #survived(): void {
    if (this.#fault) this.#findings.add(this.#fault.rule.kind, this.#fault.line);
    this.#fault = undefined;
  }

  #milestone(atMs: number, index: number, milestone: Milestone, line: string): void {
    if (this.#verdict) return;
    // The kernel stamps all of its lines or none: this line was printed by a program.
    if (milestone.once && milestone.stage === 'kernel' && this.#kernelStamps && !this.#isStamped(line)) return;
    if (milestone.once) {
      const times = (this.#returned.get(index) ?? 0) + 1;
      this.#returned.set(index, times);
      const further = index < this.#nextMilestone && stages.indexOf(this.#stage) > stages.indexOf(milestone.stage);
      if (further || times >= loopsWithoutProgress) {
        this.#startsOver(atMs, line);
        if (this.#verdict || this.#nextMilestone > index) return;
        this.#returned.set(index, 1);
      }
    }
    // The next device may be bootable.
    if (milestone.stage === 'loader' && this.#fault?.rule.kind === 'no-bootdev') this.#survived();
    if (index < this.#nextMilestone) return;
    this.#nextMilestone = index + 1;
    // The firmware started something else.
    if (stages.indexOf(milestone.stage) >= stages.indexOf('kernel') && this.#fault?.rule.kind !== 'rust-panic') this.#survived();
    this.#reach(atMs, milestone.name, milestone.stage);
  }

  #reach(atMs: number, name: string, stage: Stage): void {
    this.#stage = stage;
    this.#milestones.push({ name, ...this.#at('atMs', atMs) });
  }

  #seePrompt(atMs: number, line: string, whole = false): void {
    if (this.#verdict || (this.#prompt && (this.#timed || this.#session))) return;
    const prompt = promptOf(this.#match, line);
    if (prompt === undefined) return;
    if (!this.#timed && prompt.rule.shell && this.#isTyped(prompt.rest)) {
      this.#session = true;
      return;
    }
    if (this.#prompt) return;
    if (!prompt.rule.bare || prompt.rest !== '') this.#prompted(prompt, atMs);
    else if (!whole) this.#unsure.see({ prompt, atMs });
  }

  #confirmed({ prompt, atMs }: PlacedPrompt): void {
    this.#findings.add('confirmed-prompt', prompt.text);
    this.#prompted(prompt, atMs);
  }

  #prompted(prompt: SeenPrompt, atMs: number): void {
    this.#unsure.forget();
    if (this.#forerunner && prompt.rule.shell) {
      this.#fails(this.#forerunner.atMs, this.#forerunner.rule.kind, this.#forerunner.line);
      return;
    }
    this.#survived();
    this.#prompt = { line: prompt.text, atMs };
    this.#promptSeconds = this.#kernelSeconds;
    this.#graceFromMs = atMs;
    this.#reach(atMs, 'prompt', 'prompt');
  }

  /** Nothing follows the last line: a prompt counts even if its end was cut or if other lines begin with it. */
  #lastPrompt(atMs: number): void {
    if (this.#prompt || this.#verdict) return;
    const prompt = lastPromptOf(this.#match, this.#lastLines);
    if (prompt && !(prompt.rule.bare && this.#unsure.asks)) this.#prompted(prompt, atMs);
  }

  /** Whether the text after a prompt was typed by a user. Otherwise the kernel printed it. */
  #isTyped(rest: string): boolean {
    return rest.trim() !== '' && this.#continuation.stamped(rest)?.at !== 0;
  }

  #fails(atMs: number, failure: FailureKind, line: string): void {
    this.#fault = undefined;
    // Without times, the kernel's stamps since the prompt show whether the window is over. Without stamps it counts as over.
    const sincePromptMs = this.#kernelSeconds === this.#promptSeconds ? Infinity : (this.#kernelSeconds - this.#promptSeconds) * 1000;
    const late = this.#prompt !== undefined && !this.#timed && sincePromptMs > this.#limits.graceMs;
    if (this.#verdict?.kind === 'booted' || late) this.#findings.add(failure, line);
    else this.#verdict ??= { kind: 'failed', failure, line, stage: this.#stage, ...this.#lastMilestone(), ...this.#at('afterMs', atMs) };
  }

  #lastWord(atMs: number, how: 'exited' | 'ended'): Verdict {
    // A machine that ends without a message in the grace window did not boot: a triple fault has this effect.
    const gone = how === 'exited' && this.#timed && !this.#goesOnPurpose;
    if (this.#prompt && this.#expecting === undefined && !gone) return this.#booted(this.#prompt);
    if (how === 'ended') return this.#stalled(atMs);
    return { kind: 'exited-early', stage: this.#stage, ...this.#lastMilestone(), ...this.#waitingFor(), ...this.#at('afterMs', atMs) };
  }

  #booted({ line, atMs }: { line: string; atMs: number }): Verdict {
    return { kind: 'booted', line, ...this.#at('afterMs', atMs) };
  }

  #stalled(atMs: number): Verdict {
    const silentMs = Math.max(0, atMs - this.#lastHeardMs);
    const { kind, stage } = { kind: 'stalled', stage: this.#stage } as const;
    return {
      kind,
      stage,
      ...this.#lastMilestone(),
      ...this.#at('silentMs', silentMs),
      ...this.#waitingFor(),
      ...this.#at('afterMs', atMs),
    };
  }

  #lastMilestone(): { lastMilestone?: string } {
    const last = this.#milestones.at(-1);
    return last ? { lastMilestone: last.name } : {};
  }

  #waitingFor(): { waitingFor?: string } {
    return this.#expecting === undefined ? {} : { waitingFor: this.#expecting };
  }

  #at<Key extends 'atMs' | 'afterMs' | 'silentMs'>(key: Key, ms: number): { [key in Key]?: number } {
    return this.#timed ? ({ [key]: Math.round(ms) } as { [key in Key]?: number }) : {};
  }
}
