// How refusals follow from the lines of a witness, and from the output of a command that had no witness.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { violationsInWords, violationsOf } from './witness.ts';
import type { Violation } from './witness.ts';

/** Paths that the host has and the sandbox does not show. */
const hidden = ['/users/me', '/users/me/.ssh/id', '/bloomery/work', '/bloomery/work/sibling/x', '/etc/secret', '/etc/passwd'];
const judged = (...lines: readonly string[]): Promise<readonly Violation[]> =>
  violationsOf(lines.map((line) => `${line}\n`).join(''), async (place) => hidden.includes(place));

const refused: readonly (readonly [line: string, violation: Violation | undefined])[] = [
  ['connect 111 127.0.0.1 port 80', { act: 'network', peer: '127.0.0.1 port 80' }],
  ['resolve 0 example.invalid', { act: 'network', peer: 'example.invalid' }],
  ['write 30 /bloomery/work/a/src/x.rs', { act: 'write', place: '/bloomery/work/a/src/x.rs' }],
  ['write 2 /users/me/new', { act: 'write', place: '/users/me/new' }],
  ['write 2 /nowhere/new', undefined],
  ['write 13 /usr/lib/x', undefined],
  ['read 2 /users/me/.ssh/id', { act: 'read', place: '/users/me/.ssh/id' }],
  ['read 2 /bloomery/work/a/../sibling/x', { act: 'read', place: '/bloomery/work/sibling/x' }],
  ['read 2 /etc/secret', { act: 'read', place: '/etc/secret' }],
  ['read 2 /etc/passwd', undefined],
  ['read 2 /usr/local/bin/cc', undefined],
  ['torn', undefined],
  ['', undefined],
];

test('a refusal counts if the host has a file that the sandbox hides', async () => {
  for (const [line, violation] of refused) assert.equal(await judged(line), violation ? [violation] : [], line);
});

test('refusals of the network come first, then writes, then reads, and within each kind the last one is first', async () => {
  const acts = await judged(
    'read 2 /etc/secret',
    'connect 101 192.0.2.1 port 1',
    'read 2 /users/me/.ssh/id',
    'write 30 /x',
    'read 2 /etc/secret',
  );
  assert.equal(
    acts.map((violation) => (violation.act === 'network' ? violation.peer : violation.place)),
    ['192.0.2.1 port 1', '/x', '/etc/secret', '/users/me/.ssh/id'],
  );
});

test('without a witness, refusals are found in the output of the command', () => {
  assert.equal(violationsInWords('Os { code: 111, kind: ConnectionRefused }'), [{ act: 'network', peer: '' }]);
  assert.equal(violationsInWords('curl: (6) Could not resolve host: example.invalid'), [{ act: 'network', peer: '' }]);
  assert.equal(violationsInWords('touch: cannot touch "x": Read-only file system'), [{ act: 'write', place: '' }]);
  assert.equal(violationsInWords('No such file or directory (os error 2)'), [], 'it may be any file');
});

test.run();
