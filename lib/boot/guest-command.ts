// Runs one command in a guest that has booted: logs in, mounts shared folders, runs the command. This module
// gets a console and knows neither the machine nor the page.
import { Cleaner } from '../console/lines/clean.ts';
import type { ConsoleRules } from '../console/rules.ts';
import { quoted, Shell } from '../console/shell.ts';
import type { CommandResult, ShellLine } from '../console/shell.ts';
import { cannot, Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { SharedFolder } from '../machine/machine.ts';
import type { GuestShell } from '../console/rules.ts';

export interface GuestCommand {
  /** A command line for a POSIX shell. */
  readonly command: string;
  readonly shell: GuestShell;
  readonly rules: Pick<ConsoleRules, 'stamp' | 'panics'>;
  /** The last, unfinished line of the console: the prompt. */
  readonly prompt: string;
  /** Folders of the host that are mounted at /mnt/TAG before the command runs. */
  readonly shares: readonly SharedFolder[];
  /** Time limit of the command. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly onLine?: (line: string) => void;
}

const loginTimeoutMs = 60_000;
/** The largest timeout of Node's timers: 24 days. */
const longestTimeoutMs = 2 ** 31 - 1;
/**
 * If a guest prints nothing for this time after a panic, it has ended. Text of a panic in the output of a
 * command is followed by more text.
 */
const deadMs = 3000;

/** Returns a command line that a POSIX shell splits into exactly these words. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w/.@%+,:=-]+$/.test(word) ? word : quoted(word))).join(' ');
}

/** The longest line of busybox's shell and of the bundled Redox, less what is typed around the command. Linux' own terminals take 4096 bytes. */
const longestCommandBytes = 1024 - 80;

/** Refuses a command that a console does not pass on as it is: one with control characters, or one that is too long for a line. */
export function checkTypeable(command: string): void {
  const what = 'run the command in the guest';
  const hint = 'put it into a script, for example in a folder that --share mounts';
  const [control] = /[\0-\x1f\x7f]/.exec(command) ?? [];
  if (control !== undefined) {
    throw cannot(what, `it has the control character ${JSON.stringify(control)}, which a console takes for a key`, {
      blame: 'usage',
      hint,
    });
  }
  const bytes = Buffer.byteLength(quoted(command));
  if (bytes > longestCommandBytes) {
    throw cannot(what, `it has ${bytes} bytes, and a line of a console has at most ${longestCommandBytes}`, { blame: 'usage', hint });
  }
}

/**
 * Runs the command and returns its status. A failed login, a folder that cannot be mounted, the end of the
 * machine and a panic are Failures. `ended` settles when the machine has ended.
 */
export async function runInGuest(
  line: ShellLine,
  ended: Promise<unknown>,
  wanted: GuestCommand,
  { signal }: Pick<Context, 'signal'>,
): Promise<CommandResult> {
  const gone = new AbortController();
  const what = `run "${wanted.command}" in the guest`;
  void ended.then(() => gone.abort(cannot(what, 'the machine has ended')));
  const watch = watchPanics(line, wanted.rules, (text) => gone.abort(cannot(what, `the guest failed: "${text}"`)));
  const options = { stamp: wanted.rules.stamp, signal: AbortSignal.any([signal, gone.signal]) };
  try {
    const first = new Shell(line, { ...options, timeoutMs: loginTimeoutMs, unfinished: wanted.prompt });
    try {
      await first.login(wanted.shell.user, wanted.shell.password);
      for (const share of wanted.shares) await mount(first, share);
    } finally {
      first.close();
    }
    const shell = new Shell(line, { ...options, timeoutMs: wanted.timeoutMs ?? longestTimeoutMs });
    try {
      return await shell.run(wanted.command, wanted.onLine);
    } finally {
      shell.close();
    }
  } finally {
    watch.close();
  }
}

/** Mounts a folder at /mnt/TAG with the driver that the machine has: virtiofs or 9p. */
async function mount(shell: Shell, { path, tag, readOnly }: SharedFolder): Promise<void> {
  const [rights, place] = [readOnly ? 'ro' : 'rw', `/mnt/${tag}`];
  const by9p = `mount -t 9p -o trans=virtio,version=9p2000.L,${rights} ${tag} ${place}`;
  const { status, output } = await shell.run(
    `mkdir -p ${place} && { mount -t virtiofs -o ${rights} ${tag} ${place} 2>/dev/null || ${by9p}; }`,
  );
  if (status === 0) return;
  throw cannot(`share "${path}"`, `the guest cannot mount it (status ${status})`, { detail: output.trim() });
}

/** Calls `onDead` with the line of a fatal panic when nothing follows it. */
function watchPanics(line: ShellLine, { panics }: GuestCommand['rules'], onDead: (text: string) => void): { close(): void } {
  const fatal = panics.filter((rule) => rule.fatal === 'always');
  const cleaner = new Cleaner();
  let panic: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const hear = (bytes: Buffer): void => {
    for (const text of cleaner.push(bytes)) if (fatal.some(({ pattern }) => pattern.test(text))) panic ??= text;
    clearTimeout(timer);
    if (panic !== undefined) timer = setTimeout(onDead, deadMs, panic);
  };
  line.on('data', hear);
  return {
    close() {
      clearTimeout(timer);
      line.off('data', hear);
    },
  };
}

/** The facts of a system that say how its shell is reached. */
export interface ShellFacts {
  readonly name: string;
  readonly session?: { readonly login?: GuestShell };
  readonly shell?: GuestShell;
}

/**
 * Returns the shell of a guest: that of the profile's session, otherwise that of the page. A system without
 * either is a Failure (usage).
 */
export function guestShellOf({ name, session, shell }: ShellFacts): GuestShell {
  if (session) return session.login ?? {};
  if (shell) return shell;
  throw new Failure('usage', `Cannot run a command in ${name}: its page has no shell`, {
    hint: "--login USER names the user who logs in, or on the page shell: { user: 'USER' }; shell: {} is a console without a login",
  });
}
