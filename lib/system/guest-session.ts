// What is done in a guest that has booted: who logs in, what is typed, what must come of it. Facts of a page; guest-check.ts carries them out.
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
