// A shell at a console, played by a puppet that answers what is typed: echo, prompts, and a kernel that prints into everything. The same with a
// real Linux is in lib/boot/linux-guest.test.ts.
import { EventEmitter } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import { Shell } from './shell.ts';
import type { ShellOptions } from './shell.ts';

const stamp = { pattern: /\[ *(?<seconds>\d+\.\d{6})\] /, source: 'printk', example: '[    1.000000] x' };
const options: ShellOptions = { stamp, signal: new AbortController().signal, timeoutMs: 2000 };

/** Echoes what is typed as a terminal does, then says what `answer` makes of it. */
class Puppet extends EventEmitter {
  readonly typed: string[] = [];
  readonly #answer: (line: string) => string | Promise<string>;
  constructor(answer: (line: string) => string | Promise<string>) {
    super();
    this.#answer = answer;
  }
  write(text: string): void {
    this.typed.push(text);
    const echo = text.replace('\r', '\r\n');
    void Promise.resolve(this.#answer(text.trimEnd())).then((answer) => this.say(`${echo}${answer}`));
  }
  say(text: string): void {
    this.emit('data', Buffer.from(text));
  }
}

/** What a real shell prints for a line, with the ends of lines as a terminal has them, then its prompt. */
async function real(line: string): Promise<string> {
  const { stdout } = await run(['/bin/sh', '-c', line], { cwd: '/', env: {} });
  return `${stdout.replaceAll('\n', '\r\n')}# `;
}

test('a command gives its output and its status', async () => {
  const shell = new Shell(new Puppet(real), options);
  assert.equal(await shell.run('echo one; echo two; exit 3 | cat; (exit 7)'), { output: 'one\ntwo\n', status: 7 });
  assert.equal(await shell.run('true'), { output: '', status: 0 });
  assert.equal(await shell.run('printf "no line end"'), { output: 'no line end\n', status: 0 });
});

test('quotes, comments and several lines reach the shell as they are', async () => {
  const shell = new Shell(new Puppet(real), options);
  assert.is((await shell.run(`echo 'it'"'"'s' # a remark`)).output, "it's\n");
  assert.is((await shell.run('for i in 1 2\ndo echo "$i"\ndone')).output, '1\n2\n');
});

test('lines of the kernel are taken out, whole ones and those that cut another', async () => {
  const puppet = new Puppet((line) => {
    const mark = /bloo''(mery-\d+)/.exec(line)?.[1];
    const lines = [
      '[    1.000000] usb 1-1: new',
      `bloo${mark}-be[    1.100000] cut here`,
      'gin',
      '[    1.200000] whole',
      'wor[    1.300000] a',
      '[    1.400000] b',
      'ds',
      ` bloo${mark}-e[    1.600000] c`,
      'nd 0',
      '# ',
    ];
    return lines.join('\r\n');
  });
  assert.equal(await new Shell(puppet, options).run('anything'), { output: 'words\n', status: 0 });
});

test('the echo of what is typed is not taken for its answer', async () => {
  const shell = new Shell(new Puppet(() => ''), { ...options, timeoutMs: 100 });
  const error: unknown = await shell.run('true').catch((reason: unknown) => reason);
  assert.match(String(error), 'Cannot run "true" in the guest: the guest has not answered within 0.1 s');
});

test('whoever waits hears at once that the run was interrupted', async () => {
  const abort = new AbortController();
  const asked = new Shell(new Puppet(() => ''), { ...options, signal: abort.signal, timeoutMs: 60_000 }).run('true');
  const error = asked.catch((reason: unknown) => reason);
  abort.abort(new Error('interrupted'));
  assert.match(String(await error), 'interrupted');
});

test('a login answers the prompts, and is done when a shell obeys', async () => {
  const puppet = new Puppet((line) => {
    if (line === 'root') return 'Password: ';
    if (line === 'secret') return 'Welcome\r\n# ';
    return line.startsWith('echo') ? 'bloomery-shell\r\n# ' : 'guest login: ';
  });
  const shell = new Shell(puppet, options);
  const done = shell.login('root', 'secret');
  puppet.say('\r\nguest login: ');
  await done;
  assert.equal(puppet.typed, ['root\r', 'secret\r', "echo bloo''mery-shell\r"]);
});

test('a prompt is seen although the kernel printed over it; one that came too early is asked for', async () => {
  const answer = (line: string): string => (line === '' ? '\r\nguest login: ' : line === 'root' ? '# ' : 'bloomery-shell\r\n# ');
  const covered = new Puppet(answer);
  const shell = new Shell(covered, options);
  covered.say('guest login: [    9.000000] late news\r\n');
  await shell.login('root');
  assert.is(covered.typed[0], 'root\r');
  const early = new Puppet(answer);
  await new Shell(early, { ...options, timeoutMs: 10_000 }).login('root');
  assert.equal(early.typed.slice(0, 2), ['\r', 'root\r']);
});

test('a login that the guest refuses is told', async () => {
  const puppet = new Puppet((line) => (line === 'root' ? 'Password: ' : 'Login incorrect\r\nguest login: '));
  const shell = new Shell(puppet, options);
  const done = shell.login('root', 'wrong').catch((reason: unknown) => reason);
  puppet.say('guest login: ');
  assert.match(String(await done), 'Cannot log in as root: the guest refuses');
});

test.run();
