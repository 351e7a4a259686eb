// What a system says on its serial console, as data: the milestones of a boot in order, the prompts that end it well, the
// panics that end it badly, and lines that only look bad; and what is typed at it afterwards. This file knows the shape of such data, no system and
// no text of one.
//
// Patterns are matched against cleaned lines (clean.ts), one line at a time, and where a line has a stamp of the kernel's also against what is
// behind it: "^" is the beginning of either. Those that begin with "^" cost next to nothing. They must be linear: no quantifier inside a
// quantified group, no back-reference, no flags. Every rule names its source and a line that it matches; a test matches each example.

/** The stage that a boot is in; a failure tells it, so that one knows where to look. */
export type Stage = 'firmware' | 'loader' | 'kernel' | 'init' | 'userland' | 'prompt';

/** What kind of failure a boot ended in. A closed set: scripts compare these words. */
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

/** A pattern, where it was learned, and a line that it matches. */
export interface LineRule {
  readonly pattern: RegExp;
  /** Where the text comes from: a project's source file, a report, a recording of our own. */
  readonly source: string;
  readonly example: string;
}

/** The end of a good boot. */
export interface PromptRule extends LineRule {
  /** A shell's: in a record without times one with a command behind it is no end of a boot but a session that was under way. */
  readonly shell?: true;
  /** It is so short that other lines begin with it: it counts when nothing more comes on its line. */
  readonly bare?: true;
}

/** A line that a good boot prints on its way. */
export interface Milestone extends LineRule {
  readonly name: string;
  /** The stage that begins with this line. */
  readonly stage: Stage;
  /** Printed once in a boot: when it returns after a later milestone, the machine has started over. */
  readonly once?: true;
}

/**
 * Whether a panic ends the boot:
 * - `always`;
 * - `{ of }`: when the program that the pattern captures as `(?<who>...)` is one of these (by its whole name, or by a part of its path);
 * - `unless-claimed`: a fault is printed before its owner is named. It is fatal unless one of the next `claimLines` lines
 *   matches an `{ of }` rule whose program is not one of the fatal ones, or the boot comes to a later stage;
 * - `if-shell-follows`: when the next prompt is that of a shell and no login.
 */
export type Fatality = 'always' | { readonly of: readonly string[] } | 'unless-claimed' | 'if-shell-follows';

/** A line that tells of a crash. When it is not fatal it is a finding. */
export interface PanicRule extends LineRule {
  readonly kind: FailureKind;
  readonly fatal: Fatality;
}

/** A line that does not end the boot and is worth a count: a warning, a driver that did not start. */
export interface FindingRule extends LineRule {
  readonly kind: string;
}

/** The clocks of a boot; the command line may set others. */
export interface Limits {
  /** The whole boot, from the start of the machine to its prompt and the end of the dialogue. */
  readonly timeoutMs: number;
  /** How long the console may be silent before the prompt. */
  readonly silenceMs: number;
  /** How long the console is read on after the prompt. */
  readonly graceMs: number;
  /** How often the machine may start over after it has said so (default 1). */
  readonly reboots?: number;
}

/**
 * A line by which a program on the way to the system says that it waits for a key, and the text that is typed
 * in answer.
 */
export interface MenuRule extends LineRule {
  readonly answer: string;
}

export interface ConsoleRules {
  /** In the order of a good boot. */
  readonly milestones: readonly Milestone[];
  /** The boot is done when one of these matches the beginning of a line, even of an unfinished one; what follows on the line does not matter. */
  readonly prompts: readonly PromptRule[];
  /** From the most telling to the least: when a fault and the panic that follows it both fit, the one that stands first is reported. */
  readonly panics: readonly PanicRule[];
  readonly findings: readonly FindingRule[];
  /** Lines that look like a prompt or a panic and are neither; nothing else looks at them. */
  readonly decoys: readonly LineRule[];
  /** Lines that say that the machine ends on purpose: after one, a machine that goes away once it has booted did so because it was told to. */
  readonly powerOffs: readonly LineRule[];
  /** Lines that say that the machine, or its kernel, starts over on purpose: the boot is judged anew. */
  readonly restarts?: readonly LineRule[];
  /** Menus that would stop a boot until a user chooses. Each is answered once. */
  readonly menus?: readonly MenuRule[];
  /**
   * How the kernel stamps its lines, at their beginning or where one cuts another text, with the time since its start as `(?<seconds>...)`. From it
   * follow what text was cut, and that the kernel has started over: the time went back.
   */
  readonly stamp?: LineRule;
  readonly limits: Limits;
}

/** A command for a guest that has booted, and what must come of it. */
export interface GuestCheck {
  readonly name: string;
  /** A POSIX shell's command. */
  readonly run: string;
  /** What its output must match; a text is all of it, without spaces at its ends. */
  readonly expect: RegExp | string;
  /** Its exit status (default 0). */
  readonly status?: number;
}

export interface GuestLogin {
  readonly user: string;
  readonly password: string;
}

/** What is done in a guest that has booted. lib/boot/guest-check.ts carries it out. */
/** How a user gets a POSIX shell on the console. Without a user, the console has a shell without a login. */
export interface GuestShell {
  readonly user?: string;
  /** Without it the login asks for none. */
  readonly password?: string;
}

export interface GuestSession {
  /** Absent: the console has a shell without a login. */
  readonly login?: GuestLogin;
  readonly checks: readonly GuestCheck[];
  /** What the console must have said by the end, from the first line on. */
  readonly console?: readonly { readonly name: string; readonly expect: RegExp }[];
  /** The command that powers the machine off; it must end by itself afterwards. */
  readonly powerOff?: string;
}

/** Where the output of programs begins and ends, and which lines between are the kernel's. */
export interface OutputFacts {
  /** Its first line. */
  readonly from: RegExp;
  /** Its last line. */
  readonly to: RegExp;
  /** A line that the kernel printed between them. */
  readonly kernel: RegExp;
}

/** How many lines after an `unless-claimed` fault its owner may be named: a register dump and a stack trace lie between. */
export const claimLines = 100;
