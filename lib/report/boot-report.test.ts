// The report of a judgement for users.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Judgement } from '../console/verdict.ts';
import { attachLines, bootOutcome, bootTable, changeLines, githubLines, milestoneLine, reportLines } from './boot-report.ts';

const about = { system: 'redox', subject: 'x.img', transcript: '/x.log' };
const nothing = { milestones: [], findings: [], lastLines: [] };

function lines(judgement: Partial<Judgement> & Pick<Judgement, 'verdict'>): readonly string[] {
  return reportLines({ ...about, judgement: { ...nothing, ...judgement } });
}

test('a good boot is its sentence and its transcript', () => {
  assert.equal(lines({ verdict: { kind: 'booted', line: 'login:', afterMs: 8136 }, lastLines: ['login:'] }), [
    'PASS x.img booted after 8.1 s: "login:"',
    'Transcript: /x.log',
  ]);
});

test('a failed boot shows the end of the console, the findings, the line, the stage and the kind', () => {
  const verdict = { kind: 'failed', failure: 'kernel-panic', line: 'PANIC', stage: 'init', lastMilestone: 'kernel', afterMs: 500 } as const;
  assert.equal(lines({ verdict, lastLines: ['up', 'PANIC'], findings: [{ kind: 'warning', line: 'hot', count: 3 }] }), [
    'The last 2 lines of the console:',
    '  | up',
    '  | PANIC',
    'Findings that did not decide: 1 kind',
    '  3 x warning: hot',
    'FAIL x.img failed to boot after 0.5 s in stage init (kernel-panic): "PANIC"',
    'Transcript: /x.log',
  ]);
});

test('the report of a stalled boot has the stage, the duration, and the awaited text', () => {
  const stalled = {
    kind: 'stalled',
    stage: 'prompt',
    lastMilestone: 'prompt',
    silentMs: 30_000,
    waitingFor: 'ok',
    afterMs: 40_000,
  } as const;
  assert.match(
    lines({ verdict: stalled }).join('\n'),
    'stalled after 40.0 s in stage prompt, after milestone "prompt", waiting for "ok", silent for 30.0 s',
  );
  assert.match(
    lines({ verdict: { kind: 'stalled', stage: 'firmware' } }).join('\n'),
    'FAIL x.img stalled in stage firmware, before any milestone',
  );
});

test('a machine that went away', () => {
  const text = lines({ verdict: { kind: 'exited-early', stage: 'kernel', afterMs: 100 } }).join('\n');
  assert.match(text, 'FAIL x.img ended by itself after 0.1 s in stage kernel');
});

test('exit code 0 is for booted alone, and --json has the verdict, milestones, findings and transcript', () => {
  const verdict = { kind: 'booted', line: 'login:' } as const;
  const milestones = [{ name: 'prompt', atMs: 5 }];
  const booted: Judgement = { verdict, milestones, findings: [], lastLines: ['login:'] };
  assert.equal(bootOutcome({ ...about, judgement: booted }), {
    exitCode: 0,
    json: { system: 'redox', verdict, milestones, findings: [], transcript: '/x.log' },
  });
  for (const kind of ['stalled', 'exited-early'] as const) {
    assert.is(bootOutcome({ ...about, judgement: { ...nothing, verdict: { kind, stage: 'init' } } }).exitCode, 1);
  }
});

test('a milestone, and how to reach a kept machine', () => {
  assert.is(milestoneLine({ name: 'kernel', atMs: 1234 }), '-- milestone "kernel" after 1.2 s');
  assert.match(attachLines({ pid: 7, attachPath: '/tmp/s' }).join('\n'), 'UNIX-CONNECT:/tmp/s');
});

test('several boots are a table, and a failed boot is an annotation in one line', () => {
  const booted = { ...about, judgement: { ...nothing, verdict: { kind: 'booted', line: 'x', afterMs: 1000 } as const }, attempts: 2 };
  const failed = {
    ...about,
    subject: 'long-name.img',
    judgement: { ...nothing, verdict: { kind: 'failed', failure: 'oom', line: '100 %', stage: 'init' } as const, lastLines: ['a', 'b'] },
    attempts: 1,
  };
  assert.equal(bootTable([booted, failed]), ['PASS x.img         booted 1.0 s, attempt 2', 'FAIL long-name.img failed (oom)']);
  assert.equal(githubLines([booted, failed]), [
    '::error title=boot of redox::long-name.img failed to boot in stage init (oom): "100 %25"%0Aa%0Ab',
  ]);
});

test('findings against an earlier run', () => {
  const one = { kind: 'warning', line: 'hot', count: 3 };
  assert.equal(changeLines({ fresh: [one], gone: [], counts: [{ finding: one, before: 1 }] }), [
    'new      3 x warning: hot',
    'changed  1 -> 3 x warning: hot',
  ]);
  assert.equal(changeLines({ fresh: [], gone: [], counts: [] }), ['Findings are as in the earlier run']);
});

test.run();
