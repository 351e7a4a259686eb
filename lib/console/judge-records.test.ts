// Transcripts without times: restarts, printed banners, lines that lead to a shell, split prompts, prefixes
// of recorders.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judged, limits, rules } from '../dev/testing/small-rules.ts';
import { Judge } from './judge.ts';

/** What a record without times is judged as: its verdict, or the kind of its failure. */
function ofRecord(text: string, reboots?: number): string {
  const judge = new Judge(rules, reboots === undefined ? limits : { ...limits, reboots }, false);
  judge.read(0, Buffer.from(text));
  judge.mark(0, { kind: 'ended' });
  const { verdict } = judge.judgement();
  return verdict.kind === 'failed' ? verdict.failure : verdict.kind;
}

const boot = '[    0.000000] Linux version 6\n[    3.000000] init up\n';

test('after an announced restart the judgement starts again, as often as the limits allow; an unannounced one is a loop', () => {
  const restart = '[    6.000000] Restarting system\n';
  assert.is(ofRecord(`${boot}${boot}host login: `), 'boot-loop');
  assert.is(ofRecord(`${boot}${restart}${boot}host login: `), 'booted');
  assert.is(ofRecord(`${boot}${restart}${boot}${restart}${boot}host login: `), 'boot-loop');
  assert.is(ofRecord(`${boot}${restart}${boot}${restart}${boot}host login: `, 2), 'booted');
  assert.is(ofRecord(`${boot}${restart}${boot}host login: `, 0), 'boot-loop');
  assert.is(ofRecord(`${boot}host login: \n${restart}${boot}PANIC\n`), 'kernel-panic', 'the prompt before the restart counts no more');
  assert.is(ofRecord(`${boot}${restart}${boot}`), 'stalled');
});

test("a kernel's first line that a program prints is not a restart", () => {
  assert.is(ofRecord(`${boot}Linux version 6\nhost login: `), 'booted', 'it has no stamp, and others have');
  assert.is(ofRecord(`${boot}host login: root\n~ # dmesg\n${boot}~ # `), 'booted', 'a user typed before it');
  assert.is(ofRecord(`${boot}~ # logread\n${boot}~ # `), 'booted');
  assert.is(ofRecord('Linux version 2.4\ninit up\nLinux version 2.4\ninit up\n'), 'boot-loop', 'a kernel that stamps nothing');
});

test('a shell is a failure after a line that leads only to a rescue shell; a login is not', () => {
  assert.is(ofRecord(`${boot}last try\n~ # `), 'emergency-mode');
  assert.is(ofRecord(`${boot}last try\nhost login: `), 'booted');
  assert.is(ofRecord(`${boot}last try\n`), 'stalled');
});

test('a device that cannot be booted is ignored when a kernel starts', () => {
  assert.is(ofRecord('no device 1\n'), 'no-bootdev');
  assert.is(ofRecord(`no device 1\n${boot}`), 'stalled');
  assert.is(ofRecord(`no device 1\n${boot}host login: `), 'booted');
});

test('a prompt whose last blank was cut is one at the end of a text, and so is a bare sign; in the midst neither is', () => {
  assert.is(ofRecord(`${boot}~ #`), 'booted');
  assert.is(ofRecord(`${boot}  host login:\n`), 'booted');
  assert.is(ofRecord(`${boot}> `), 'booted');
  assert.is(ofRecord(`${boot}> \nmore text\n`), 'stalled');
  assert.is(ofRecord(`${boot}> a remark\n`), 'stalled');
  assert.is(ofRecord(`${boot}~ #\nmore text\n`), 'stalled');
});

test('a bare sign counts on a live console when nothing follows it for the grace window', () => {
  const alone = judged([
    [100, '> '],
    [5000, ''],
  ]);
  assert.is(alone.verdict.kind, 'booted');
  const followed = judged([
    [100, '> '],
    [200, 'Subtest: a'],
    [300, '\n'],
  ]);
  assert.is(followed.verdict.kind, 'stalled');
});

test('lines are judged without the prefixes of a recorder', () => {
  assert.is(ofRecord('2024-03-01T12:00:00Z vm-1 | PANIC\n'), 'kernel-panic');
  assert.is(ofRecord('2024-03-01T12:00:00Z vm-1 | host login: '), 'booted');
});

test('a boot that stalled names suspicious lines, and one that went well none', () => {
  assert.equal(judged([[0, 'kernel up\nmount: no such device\n']]).suspects, ['mount: no such device']);
  assert.equal(judged([[0, 'mount: no such device\nhost login: ']]).suspects ?? [], []);
});

test.run();
