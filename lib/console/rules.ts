// The console rules of a system as data: the milestones of a boot in order, the prompts of a good boot, the
// panics of a failed boot, lines that only look like failures, and the text that is typed afterwards. This
// file defines the shape of the data. It contains no text of a system.
//
// Patterns are matched against cleaned lines (clean.ts), one line at a time. If a line has a stamp of the
// kernel, they are also matched against the text after it: "^" is the beginning of either. Patterns that
// begin with "^" are fast. Patterns must be linear: no quantifier inside a quantified group, no
// back-reference, no flags. Every rule names its source and a line that it matches. A test matches each
// example.

/** The stage of a boot. A failure reports it, which shows where to look for the cause. */
export type Stage = 'firmware' | 'loader' | 'kernel' | 'init' | 'userland' | 'prompt';

/** The kind of failure of a boot. This is a closed set, because scripts compare these words. */
export type FailureKind =
  | 'kernel-panic'
  | 'rust-panic'
  | 'page-fault'
  | 'oops'
  | 'oom'
  | 'emergency-mode'
  | 'service-failed'
  | 'hang'
  | 'boot-loop'
  | 'no-bootdev'
  | 'firmware'
  | 'other';

/** A pattern, its source, and a line that it matches. */
export interface LineRule {
  readonly pattern: RegExp;
  /** The source of the text: a project's source file, a report, a recording of this project. */
  readonly source: string;
  readonly example: string;
}

/** The end of a good boot. */
export interface PromptRule extends LineRule {
  /**
   * The prompt of a shell. In a transcript without times, such a prompt followed by a command is not the end
   * of a boot but part of a session.
   */
  readonly shell?: true;
  /** The prompt is so short that other lines begin with it. It counts when nothing more follows on its line. */
  readonly bare?: true;
}

/** A line that a good boot prints before its prompt. */
export interface Milestone extends LineRule {
  readonly name: string;
  /** The stage that begins with this line. */
  readonly stage: Stage;
  /** Printed once in a boot. If it is printed again after a later milestone, the machine has started over. */
  readonly once?: true;
}

/**
 * Whether a panic ends the boot:
 * - `always`;
 * - `{ of }`: if the program that the pattern captures as `(?<who>...)` is one of these (by its whole name,
 * or by a part of its path);
 * - `unless-claimed`: the fault is printed before its owner is named. It is fatal unless one of the next
 * `claimLines` lines matches an `{ of }` rule whose program is not one of the fatal ones, or the boot reaches
 * a later stage;
 * - `if-shell-follows`: if the next prompt is that of a shell and not a login.
 */
export type Fatality = 'always' | { readonly of: readonly string[] } | 'unless-claimed' | 'if-shell-follows';

/** A line that reports a crash. If the crash is not fatal, the line is a finding. */
export interface PanicRule extends LineRule {
  readonly kind: FailureKind;
  readonly fatal: Fatality;
}

/** A line that does not end the boot but is counted: a warning, a driver that did not start. */
export interface FindingRule extends LineRule {
  readonly kind: string;
}

/** The time limits of a boot. The command line may override them. */
export interface Limits {
  /** Limit for the whole boot, from the start of the machine to its prompt and the end of the dialogue. */
  readonly timeoutMs: number;
  /** Limit for silence of the console before the prompt. */
  readonly silenceMs: number;
  /** Time for which the console is still read after the prompt. */
  readonly graceMs: number;
  /** Number of restarts that the machine may announce (default 1). */
  readonly reboots?: number;
}

/** A line with which a program waits for a key during the boot, and the text that is typed as the answer. */
export interface MenuRule extends LineRule {
  readonly answer: string;
}

export interface ConsoleRules {
  /** In the order of a good boot. */
  readonly milestones: readonly Milestone[];
  /**
   * The boot is done when one of these matches the beginning of a line, even of an unfinished one. The text
   * after it on the line does not matter.
   */
  readonly prompts: readonly PromptRule[];
  /**
   * From the most specific to the least: if a fault and the panic that follows it both match, the earlier one
   * in this list is reported.
   */
  readonly panics: readonly PanicRule[];
  readonly findings: readonly FindingRule[];
  /** Lines that look like a prompt or a panic and are neither. No other rule is applied to them. */
  readonly decoys: readonly LineRule[];
  /**
   * Lines that announce an intended end of the machine. If a machine that has booted ends after one, that is
   * not a failure.
   */
  readonly powerOffs: readonly LineRule[];
  /**
   * Lines that announce an intended restart of the machine or its kernel: the boot is judged from the
   * beginning.
   */
  readonly restarts?: readonly LineRule[];
  /** Menus that would stop a boot until a user chooses. Each is answered once. */
  readonly menus?: readonly MenuRule[];
  /**
   * The stamp of the kernel's lines, at their beginning or at the point at which one splits another text,
   * with the time since its start as `(?<seconds>...)`. It shows which text was split, and that the kernel
   * has started over because the time decreased.
   */
  readonly stamp?: LineRule;
  readonly limits: Limits;
}

/** A command for a guest that has booted, and its expected result. */
export interface GuestCheck {
  readonly name: string;
  /** A command for a POSIX shell. */
  readonly run: string;
  /** The expected output. A text must equal the whole output without spaces at its ends. */
  readonly expect: RegExp | string;
  /** Its exit status (default 0). */
  readonly status?: number;
}

export interface GuestLogin {
  readonly user: string;
  readonly password: string;
}

/** How a user gets a POSIX shell on the console. Without a user, the console has a shell without a login. */
export interface GuestShell {
  readonly user?: string;
  /** Without it, the login must ask for no password. */
  readonly password?: string;
}

/** Commands and checks for a guest that has booted. lib/boot/guest-check.ts runs them. */
export interface GuestSession {
  /** Absent: the console has a shell without a login. */
  readonly login?: GuestLogin;
  readonly checks: readonly GuestCheck[];
  /** Lines that the whole console output must contain. */
  readonly console?: readonly { readonly name: string; readonly expect: RegExp }[];
  /** The command that powers the machine off. The machine must then end by itself. */
  readonly powerOff?: string;
}

/** Where the output of programs begins and ends, and which lines between belong to the kernel. */
export interface OutputFacts {
  /** Its first line. */
  readonly from: RegExp;
  /** Its last line. */
  readonly to: RegExp;
  /** A line that the kernel printed between them. */
  readonly kernel: RegExp;
}

/**
 * Number of lines after an `unless-claimed` fault in which its owner may be named: a register dump and a
 * stack trace are in between.
 */
export const claimLines = 100;
