// One command in a simulated guest: a login, followed by a real shell of the host.
import { EventEmitter } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { run } from '../core/sh.ts';
import { checkTypeable, guestShellOf, runInGuest, shellLine } from './guest-command.ts';
import type { GuestCommand } from './guest-command.ts';

const context = { signal: new AbortController().signal };
const panics = [{ kind: 'kernel-panic', fatal: 'always', pattern: /^panic: /, source: 'x', example: 'panic: x' }] as const;
const never = new Promise<void>(() => undefined);

class Guest extends EventEmitter {
  readonly typed: string[] = [];
  readonly #answer: (line: string) => string | undefined;

  /** `answer`: the output of the guest for a line, instead of a shell. */
  constructor(answer: (line: string) => string | undefined = () => undefined) {
    super();
    this.#answer = answer;
  }

  write(text: string): void {
    const line = text.trimEnd();
    this.typed.push(line);
    void this.#said(line).then((said) => this.emit('data', Buffer.from(`${line}\r\n${said}`)));
  }

  async #said(line: string): Promise<string> {
    const said = this.#answer(line);
    if (said !== undefined) return said;
    if (line === 'user') return '$ ';
    const { stdout } = await run(['/bin/sh', '-c', line], { cwd: '/', env: {} });
    return `${stdout.replaceAll('\n', '\r\n')}$ `;
  }
}

function ran(
  guest: Guest,
  command: string,
  more: Partial<GuestCommand> = {},
  ended: Promise<unknown> = never,
): ReturnType<typeof runInGuest> {
  return runInGuest(
    guest,
    ended,
    { command, shell: { user: 'user' }, rules: { panics }, prompt: 'host login:', shares: [], ...more },
    context,
  );
}

async function refusal(result: Promise<unknown>): Promise<string> {
  const error: unknown = await result.catch((reason: unknown) => reason);
  return error instanceof Failure ? `${error.exitCode} ${error.message}` : `no failure: ${String(error)}`;
}

test('the user of the page logs in at the present prompt, and the lines of the output are reported one by one', async () => {
  const guest = new Guest();
  const lines: string[] = [];
  const result = await ran(guest, 'echo one; echo two; exit 3 | cat; (exit 7)', { onLine: (line) => lines.push(line) });
  assert.equal([result, lines], [{ output: 'one\ntwo\n', status: 7 }, ['one', 'two']]);
  assert.equal(guest.typed.slice(0, 2), ['user', "echo bloo''mery-shell"]);
});

test('commands are typed at a console without a login; output without a line end is complete', async () => {
  const guest = new Guest();
  const lines: string[] = [];
  await ran(guest, 'printf "a  b"', { shell: {}, onLine: (line) => lines.push(line) });
  assert.equal([lines, guest.typed[0]], [['a  b'], "echo bloo''mery-shell"]);
});

test('words are words of a shell', async () => {
  const words = ['echo', 'a  b', "it's", '$HOME', ';', '', '--x=1'];
  assert.is(shellLine(words), `echo 'a  b' 'it'\\''s' '$HOME' ';' '' --x=1`);
  assert.is((await ran(new Guest(), shellLine(words))).output, "a  b it's $HOME ;  --x=1\n");
});

test('a command that a console would not pass on as it is is refused', () => {
  checkTypeable(`printf '%s' "${'x'.repeat(900)}"`);
  for (const [command, why] of [
    ["printf 'a\nb'", 'it has the control character "\\n", which a console takes for a key'],
    ['echo a\tb', 'it has the control character "\\t", which a console takes for a key'],
    [`echo ${'x'.repeat(950)}`, 'it has 957 bytes, and a line of a console has at most 944'],
  ] as const) {
    assert.throws(
      () => checkTypeable(command),
      (error: unknown) =>
        error instanceof Failure && error.blame === 'usage' && error.message === `Cannot run the command in the guest: ${why}`,
    );
  }
});

test('folders are mounted by their tags; a guest that cannot is a failure', async () => {
  const shares = [{ path: '/host/work', tag: 'work', readOnly: true }];
  const mounted = (status: number) => (line: string) =>
    line.includes('mount -t') ? `bloomery-1-begin\r\nno such device\r\n bloomery-1-end ${status}\r\n` : undefined;
  const guest = new Guest(mounted(0));
  assert.is((await ran(guest, 'true', { shares })).status, 0);
  assert.match(guest.typed.join('\n'), 'mkdir -p /mnt/work && { mount -t virtiofs -o ro work /mnt/work');
  assert.is(
    await refusal(ran(new Guest(mounted(32)), 'true', { shares })),
    '1 Cannot share "/host/work": the guest cannot mount it (status 32)',
  );
});

test('a machine that ends, a panic without a word after it, and a time that is over are failures', async () => {
  const silent = (): Guest => new Guest((line) => (line.includes('begin') ? '' : undefined));
  const gone = silent();
  const ended = new Promise<void>((resolve) => setTimeout(resolve, 300));
  assert.is(await refusal(ran(gone, 'sleep 9', {}, ended)), '1 Cannot run "sleep 9" in the guest: the machine has ended');
  const panicking = new Guest((line) => (line.includes('begin') ? 'bloomery-1-begin\r\npanic: no memory\r\n' : undefined));
  assert.is(await refusal(ran(panicking, 'crash')), '1 Cannot run "crash" in the guest: the guest failed: "panic: no memory"');
  assert.match(await refusal(ran(silent(), 'sleep 9', { timeoutMs: 200 })), 'the guest has not answered within 0.2 s');
});

test('text of a panic in the output of a command is only text', async () => {
  assert.equal(await ran(new Guest(), 'echo panic: old; sleep 0.1; echo more'), { output: 'panic: old\nmore\n', status: 0 });
});

test('the shell is that of the session, else that of the page; a page without one is a mistake of the command line', () => {
  const login = { user: 'root', password: 'x' };
  assert.equal(guestShellOf({ name: 'a', session: { login }, shell: { user: 'other' } }), login);
  assert.equal(guestShellOf({ name: 'a', session: {} }), {});
  assert.equal(guestShellOf({ name: 'a', shell: { user: 'other' } }), { user: 'other' });
  assert.throws(() => guestShellOf({ name: 'a' }), 'Cannot run a command in a: its page has no shell');
});

test.run();
