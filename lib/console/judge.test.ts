// The verdict over timed chunks, with test rules, so that each part of the state machine is tested alone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dialogueOver, exited, expectsOk, from, judged, limits, rules } from '../dev/testing/small-rules.ts';
import { Judge } from './judge.ts';
import type { Mark } from './transcript.ts';
import { claimLines } from './rules.ts';

test('a guest that ends with its success status has booted, whatever it printed; after a panic it has not', () => {
  const passed: Mark = { kind: 'exited', passed: true };
  const ended = { kind: 'booted', line: 'the guest ended with its status of success', afterMs: 500 } as const;
  assert.equal(
    judged([
      [100, 'kernel up\n'],
      [500, passed],
    ]).verdict,
    ended,
  );
  assert.is(
    judged([
      [100, 'PANIC: no\n'],
      [500, passed],
    ]).verdict.kind,
    'failed',
  );
  assert.is(
    judged([
      [100, 'kernel up\n'],
      [500, exited],
    ]).verdict.kind,
    'exited-early',
  );
});

test('milestones, then a prompt on an unfinished line, then the grace window: booted, at the time of the prompt', () => {
  const { verdict, milestones } = judged([
    [100, 'loader up\nkernel up\n'],
    [900, 'init up\nhost login: '],
    [2900, ''],
  ]);
  assert.equal(verdict, { kind: 'booted', line: 'host login:', afterMs: 900 });
  assert.equal(
    milestones.map(({ name, atMs }) => `${name} ${atMs}`),
    ['loader 100', 'kernel 100', 'init 900', 'prompt 900'],
  );
});

test('a fatal panic decides at its first line and reports the stage', () => {
  const { verdict } = judged([[1, 'loader up\nkernel up\nPANIC: no init\nmore\n']]);
  assert.equal(verdict, {
    kind: 'failed',
    failure: 'kernel-panic',
    line: 'PANIC: no init',
    stage: 'kernel',
    lastMilestone: 'kernel',
    afterMs: 1,
  });
});

test('a panic within the grace window is a failure, a later one a finding', () => {
  assert.is(
    judged([
      [0, 'host login: '],
      [1999, '\nPANIC\n'],
    ]).verdict.kind,
    'failed',
  );
  const late = judged([
    [0, 'host login: '],
    [2000, '\nPANIC\n'],
  ]);
  assert.is(late.verdict.kind, 'booted');
  assert.equal(late.findings, [{ kind: 'kernel-panic', line: 'PANIC', count: 1 }]);
});

test('a panic on the line of the prompt, after it, is seen', () => {
  assert.is(
    judged([
      [0, 'host login: \rPANIC\n'],
      [5000, ''],
    ]).verdict.kind,
    'failed',
  );
});

test('without times, a panic after the prompt is a finding, and no clock decides', () => {
  const { verdict, findings, milestones } = judged([[0, 'host login: \nPANIC\n']], false);
  assert.equal(verdict, { kind: 'booted', line: 'host login:' });
  assert.is(findings.length, 1);
  assert.equal(milestones, [{ name: 'prompt' }]);
  assert.equal(judged([[0, 'kernel up\n']], false).verdict, { kind: 'stalled', stage: 'kernel', lastMilestone: 'kernel' });
});

test("without times, the kernel's own stamps put a panic within the grace window or after it", () => {
  const said = (text: string): string => judged([[0, text]], false).verdict.kind;
  assert.is(said('[    3.000000] x\nhost login: \n[    4.900000] y\nPANIC\n'), 'failed');
  assert.is(said('[    3.000000] x\nhost login: [    4.900000] y\nPANIC\n'), 'failed');
  assert.is(said('[    3.000000] x\nhost login: \n[    5.100000] y\nPANIC\n'), 'booted');
  assert.is(said('[    3.000000] x\nhost login: \nPANIC\n'), 'booted', 'no stamp after the prompt');
});

test("without times, a shell's prompt followed by typed text is a running session", () => {
  const said = (text: string, timed: boolean): string => judged([[0, text]], timed).verdict.kind;
  assert.is(said('~ # ', false), 'booted');
  assert.is(said('~ # /bin/test\nPANIC\n', false), 'failed');
  assert.is(said('~ # /bin/test\n', true), 'booted');
});

test('the crashed program decides: init is fatal, a daemon is a finding, by whole name or part of a path', () => {
  assert.is(judged([[0, 'killed /sbin/init\n']]).verdict.kind, 'failed');
  assert.is(judged([[0, 'killed init\n']]).verdict.kind, 'failed');
  const { verdict, findings } = judged([
    [0, 'killed /bin/netd\nkilled /bin/initd\nhost login: '],
    [9000, ''],
  ]);
  assert.is(verdict.kind, 'booted');
  assert.equal(
    findings.map(({ line }) => line),
    ['killed /bin/netd', 'killed /bin/initd'],
  );
});

test('a fault is fatal when no owner is named: by the clock, by the lines that follow, at the end', () => {
  const fault = { kind: 'failed', failure: 'page-fault', line: 'Page fault at 0', stage: 'firmware' };
  assert.equal(
    judged([
      [5, 'Page fault at 0\n'],
      [3005, 'x\n'],
    ]).verdict,
    { ...fault, afterMs: 5 },
  );
  assert.equal(judged([[5, `Page fault at 0\n${'x\n'.repeat(claimLines + 1)}`]]).verdict, { ...fault, afterMs: 5 });
  assert.equal(judged([[5, 'Page fault at 0\nx\n']]).verdict, { ...fault, afterMs: 5 });
});

test('a fault that a daemon claims is a finding, and one that init claims is fatal as the fault', () => {
  const { verdict, findings } = judged([
    [5, 'Page fault at 0\nrax\nkilled netd\n'],
    [9, 'host login:'],
    [9000, ''],
  ]);
  assert.is(verdict.kind, 'booted');
  assert.equal(
    findings.map(({ kind }) => kind),
    ['page-fault', 'rust-panic'],
  );
  assert.match(JSON.stringify(judged([[5, 'Page fault at 0\nkilled init\n']]).verdict), '"failure":"page-fault"');
});

test('of a fault and the panic after it the more telling is reported', () => {
  assert.match(JSON.stringify(judged([[0, 'Page fault at 0\nPANIC\n']]).verdict), '"line":"Page fault at 0"');
  assert.match(JSON.stringify(judged([[0, 'BANNER\nPANIC\n']]).verdict), '"line":"PANIC"');
});

test('a prompt after a fault shows that the system continued', () => {
  assert.is(
    judged([
      [0, 'Page fault at 0\nhost login: '],
      [9000, ''],
    ]).verdict.kind,
    'booted',
  );
});

test('decoys are neither prompts nor panics', () => {
  const { verdict } = judged([[0, 'PANIC timeout is 1 s\nstarting after host login: is up\n']]);
  assert.is(verdict.kind, 'stalled');
});

test('silence stalls the boot, with the last milestone and the duration of the silence', () => {
  const { verdict } = judged([
    [0, 'loader up\n'],
    [3000, 'x\n'],
    [13_000, ''],
  ]);
  assert.equal(verdict, { kind: 'stalled', stage: 'loader', lastMilestone: 'loader', silentMs: 10_000, afterMs: 13_000 });
});

test('a machine that talks for ever stalls when its time is over', () => {
  const judge = new Judge(rules, limits);
  for (let atMs = 0; !judge.verdict && atMs < 100_000; atMs += 5000) judge.read(atMs, Buffer.from('tick\n'));
  assert.equal(judge.verdict, { kind: 'stalled', stage: 'firmware', silentMs: 5000, afterMs: 60_000 });
});

test('a loader that returns after the kernel has spoken is a boot loop', () => {
  assert.match(JSON.stringify(judged([[0, 'loader up\nkernel up\nloader up again\n']]).verdict), '"failure":"boot-loop"');
  assert.is(judged([[0, 'loader up\nloader up twice\n']]).verdict.kind, 'stalled');
});

test('a machine that ends before its prompt, or without being asked in the grace window, exited early', () => {
  const { verdict } = judged([
    [7, 'kernel up\n'],
    [9, exited],
  ]);
  assert.equal(verdict, { kind: 'exited-early', stage: 'kernel', lastMilestone: 'kernel', afterMs: 9 });
  assert.is(
    judged([
      [7, 'host login: '],
      [9, exited],
    ]).verdict.kind,
    'exited-early',
  );
});

test('a machine that announced its end has booted if that was after its prompt, and otherwise exited early', () => {
  assert.is(
    judged([
      [7, 'host login: \nPower down\n'],
      [9, exited],
    ]).verdict.kind,
    'booted',
  );
  assert.is(
    judged([
      [7, 'Power down\n'],
      [9, exited],
    ]).verdict.kind,
    'exited-early',
  );
});

test('a dialogue: the boot is done when it is over, and its grace window begins then', () => {
  const booted = judged([
    [0, expectsOk],
    [1, 'host login: '],
    [5000, 'ok\n'],
    [5000, dialogueOver],
    [7000, ''],
  ]);
  assert.is(booted.verdict.kind, 'booted');
  const crashed = judged([
    [0, expectsOk],
    [1, 'host login: '],
    [5000, 'ok\n'],
    [5000, dialogueOver],
    [6000, 'PANIC\n'],
  ]);
  assert.is(crashed.verdict.kind, 'failed');
  const poweredOff = judged([
    [0, expectsOk],
    [1, 'host login: '],
    [2, dialogueOver],
    [3, exited],
  ]);
  assert.is(poweredOff.verdict.kind, 'booted');
});

test('a missing expected text stalls the boot even after the prompt, and the text is reported', () => {
  const { verdict } = judged([
    [0, expectsOk],
    [1, 'host login: '],
    [10_001, ''],
  ]);
  assert.equal(verdict, { kind: 'stalled', stage: 'prompt', lastMilestone: 'prompt', silentMs: 10_000, waitingFor: 'ok', afterMs: 10_001 });
});

test('findings of a like are counted together, under their first line', () => {
  const { findings } = judged([[0, 'WARN: port 1\nWARN: port 22\nWARN: other\n']]);
  assert.equal(findings, [
    { kind: 'warning', line: 'WARN: port 1', count: 2 },
    { kind: 'warning', line: 'WARN: other', count: 1 },
  ]);
});

test('the last lines are the aftermath of a panic, at most 40', () => {
  const { lastLines } = judged([[0, `${'early\n'.repeat(500)}PANIC\ntrace 1\ntrace 2\n`]]);
  assert.is(lastLines.length, 40);
  assert.equal(lastLines.slice(-3), ['PANIC', 'trace 1', 'trace 2']);
});

test('any chunking of the same bytes gives the same judgement', () => {
  const texts = [
    'loader up\r\nkernel up\r\r\n\x1b[32mWARN: x\x1b[0m\r\ninit up\rDHCP host login: eth0 up\nPANIC\n',
    'Page fault at 0\nrax 0\nkilled netd\nhost login: ',
    'kernel up\nPANIC: x\nhost login: ',
    'loader up\nkernel up\nloader up\n',
    'nothing at all',
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const whole = judged([[0, text]]);
    const judge = new Judge(rules, limits);
    for (const byte of bytes) judge.read(0, Uint8Array.of(byte));
    judge.mark(0, { kind: 'ended' });
    assert.equal(judge.judgement(), whole, text);
  }
});

test('a prompt that kernel lines cut is seen, and a decoy that they cut is not', () => {
  const said = (text: string): string => judged([[0, text]], false).verdict.kind;
  assert.is(said('ho[    7.130130] sysrq: Show Memory\nst login: '), 'booted');
  assert.is(said('ho[    7.130130] sysrq: Show Memory\n[    7.130140] more\nst lo[    7.2] no stamp\n'), 'stalled');
  assert.is(said('ho[    7.130130] one\n[    7.130140] two\nst lo[    7.130150] three\ngin: \n'), 'booted');
  assert.is(said('after ho[    7.130130] one\nst login: '), 'stalled');
  assert.is(said('ho[    7.130130] one\nanother line\nst login: '), 'stalled');
});

test('a phrase that the kernel cut, or that the console wrapped at its last column, is seen', () => {
  const line = `PANIC${'x'.repeat(90)}`;
  const rules2 = {
    ...rules,
    panics: [{ kind: 'other' as const, fatal: 'always' as const, pattern: /Nothing to boot: No such file/, ...from }],
  };
  const failed = (text: string): boolean => {
    const judge = new Judge(rules2, limits, false);
    judge.read(0, Buffer.from(text));
    return judge.judgement().verdict.kind === 'failed';
  };
  const start = `${'.'.repeat(80 - 'Nothing to b'.length)}Nothing to b`;
  assert.ok(failed(`${start}\noot: No such file or directory\n`));
  assert.not(failed(`${start}.\noot: No such file or directory\n`), 'not the last column');
  assert.ok(failed('Nothing to[    1.000000] usb\n boot: No such file\n'));
  assert.is(judged([[0, `${line}\n`]], false).verdict.kind, 'failed');
});

test('the kernel starting over is a loop: its time went back, or its first words came for the third time', () => {
  const loop = judged([[0, '[    0.000000] Linux\n[    4.812005] x\n[    0.000000] Linux\n']], false).verdict;
  assert.is(loop.kind === 'failed' && loop.failure, 'boot-loop');
  for (const calm of ['[    0.000000] a\n[    0.900000] b\n[    0.500000] c\n', '[    9.000000] a\n[    8.999990] b\n']) {
    assert.is(judged([[0, calm]], false).verdict.kind, 'stalled');
  }
  const banners = (times: number): string => judged([[0, 'loader up\n'.repeat(times)]], false).verdict.kind;
  assert.equal([banners(1), banners(2), banners(3)], ['stalled', 'stalled', 'failed']);
});

test.run();
