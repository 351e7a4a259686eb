// A session with a simulated guest: a terminal that echoes, and a shell with prepared answers. The boot tests
// of systems have real guests.
import { EventEmitter } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../core/events.ts';
import { consoleChecks, guestSession } from './guest-check.ts';
import type { GuestSession } from '../console/rules.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const login = { user: 'user', password: 'secret' };

/** `answers`: command -> output and status. An unknown command ends the machine. */
class Guest extends EventEmitter {
  readonly ended: Promise<void>;
  readonly typed: string[] = [];
  #end: () => void = () => undefined;
  #asks = 'login: ';
  readonly #answers: Readonly<Record<string, readonly [output: string, status: number]>>;

  constructor(answers: Readonly<Record<string, readonly [output: string, status: number]>>) {
    super();
    this.#answers = answers;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  write(text: string): void {
    const line = text.replace(/\r$/, '');
    this.typed.push(line);
    queueMicrotask(() => this.#hear(line));
  }

  #hear(line: string): void {
    if (this.#asks === 'login: ') return this.#say(line === '' ? this.#asks : `${line}\r\n`, line === '' ? 'login: ' : 'Password: ');
    if (this.#asks === 'Password: ') return this.#say('\r\n', line === login.password ? '$ ' : 'Login incorrect\r\n');
    const [, serial, command = ''] = /bloo''mery-(\d+)-begin; eval '(.*)'; echo/.exec(line) ?? [];
    if (serial === undefined) return this.#say(`${line}\r\nbloomery-shell\r\n`, '$ ');
    const answer = this.#answers[command];
    if (!answer) return this.#end();
    this.#say(`${line}\r\nbloomery-${serial}-begin\r\n${answer[0].replaceAll('\n', '\r\n')} bloomery-${serial}-end ${answer[1]}\r\n`, '$ ');
  }

  #say(text: string, asks: string): void {
    this.#asks = asks;
    this.emit('data', Buffer.from(text + asks));
  }

  powerOff(): void {
    this.#end();
  }
}

async function session(guest: Guest, more: Partial<GuestSession>): Promise<readonly (readonly [string, boolean, string])[]> {
  const results = await guestSession(guest, guest.ended, { login, checks: [], ...more }, context);
  return results.map(({ name, passed, seen = '' }) => [name, passed, seen]);
}

test('every check runs, also after one has failed, and compares output and status', async () => {
  const guest = new Guest({ one: ['uid=0\n', 0], two: ['other\n', 0], three: ['fine\n', 3], four: ['all of it\n', 0] });
  const checks = [
    { name: 'first', run: 'one', expect: /^uid=0$/ },
    { name: 'second', run: 'two', expect: /^uid=0$/ },
    { name: 'third', run: 'three', expect: /fine/ },
    { name: 'fourth', run: 'four', expect: 'all of it' },
  ];
  assert.equal(await session(guest, { checks }), [
    ['log in as user', true, ''],
    ['first', true, ''],
    ['second', false, '"two" gave status 0 and "other"'],
    ['third', false, '"three" gave status 3 and "fine"'],
    ['fourth', true, ''],
  ]);
});

test('a console that has a shell already is not asked for a login', async () => {
  const guest = new Guest({ one: ['fine\n', 0] });
  guest.write('user');
  guest.write('secret');
  await new Promise(setImmediate);
  const results = await guestSession(guest, guest.ended, { checks: [{ name: 'first', run: 'one', expect: 'fine' }] }, context);
  assert.equal(
    results.map(({ name, passed }) => [name, passed]),
    [
      ['find a shell', true],
      ['first', true],
    ],
  );
  assert.equal(guest.typed.slice(0, 3), ['user', 'secret', "echo bloo''mery-shell"]);
});

test('a login that is refused is the only result', async () => {
  const wrong = { user: 'user', password: 'wrong' };
  const [result, ...others] = await session(new Guest({}), { login: wrong, checks: [{ name: 'never', run: 'x', expect: /x/ }] });
  assert.equal([result?.[1], others], [false, []]);
  assert.match(result?.[2] ?? '', 'Cannot log in as user: the guest refuses');
});

test('a machine that ends during the checks fails them at once', async () => {
  const checks = ['one', 'two'].map((name) => ({ name, run: `absent ${name}`, expect: /x/ }));
  const results = await session(new Guest({}), { checks });
  assert.equal(results.slice(1), [
    ['one', false, 'the machine has ended'],
    ['two', false, 'the machine has ended'],
  ]);
});

test('power-off is the machine ending by itself', async () => {
  const guest = new Guest({});
  const write = guest.write.bind(guest);
  guest.write = (text) => (text === 'sudo poweroff\r' ? guest.powerOff() : write(text));
  assert.equal((await session(guest, { powerOff: 'sudo poweroff' })).at(-1), ['power off', true, '']);
});

test('rows of the console are searched for in the whole transcript', () => {
  const record = Buffer.from('\u001b[0mservice broken failed: x\r\nstopped a b\r\n');
  const rows = [
    { name: 'reported', expect: /service broken failed/ },
    { name: 'in order', expect: /^stopped b a$/m },
  ];
  assert.equal(
    consoleChecks(record, rows).map(({ name, passed }) => [name, passed]),
    [
      ['reported', true],
      ['in order', false],
    ],
  );
});

test.run();
