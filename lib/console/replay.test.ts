// Judges a recorded console again: with its times the result is that of the run, without them it follows from
// the bytes alone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { replay } from './replay.ts';
import type { ConsoleRules } from './rules.ts';
import { transcript } from './transcript.ts';

const from = { source: 'this test', example: '' };
const rules: ConsoleRules = {
  milestones: [{ name: 'kernel', stage: 'kernel', pattern: /^kernel up/, ...from }],
  prompts: [{ pattern: /^login:/, ...from }],
  panics: [{ kind: 'kernel-panic', fatal: 'always', pattern: /^PANIC/, ...from }],
  findings: [],
  decoys: [],
  powerOffs: [],
  limits: { timeoutMs: 60_000, silenceMs: 10_000, graceMs: 2000 },
};
let root = '';
test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'replay-'));
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

/** Records a boot whose prompt comes at 1 s and whose panic comes at `panicMs`. */
function recorded(panicMs: number): string {
  const path = join(root, 'x.log');
  const record = transcript(path);
  record.bytes(500, Buffer.from('kernel up\n'));
  record.bytes(1000, Buffer.from('login: '));
  record.bytes(panicMs, Buffer.from('\nPANIC\n'));
  record.mark(panicMs + 1000, { kind: 'ended' });
  record.close();
  return path;
}

test('with times, a panic counts when it came within the grace window', async () => {
  assert.is((await replay(recorded(2000), rules, rules.limits)).verdict.kind, 'failed');
  const late = await replay(recorded(4000), rules, rules.limits);
  assert.equal(late.verdict, { kind: 'booted', line: 'login:', afterMs: 1000 });
  assert.equal(late.findings, [{ kind: 'kernel-panic', line: 'PANIC', count: 1 }]);
});

test('without times, a panic after the prompt is a finding and nothing has a time', async () => {
  const path = recorded(2000);
  await rm(`${path}.times`);
  const { verdict, milestones, findings } = await replay(path, rules, rules.limits);
  assert.equal(verdict, { kind: 'booted', line: 'login:' });
  assert.equal(milestones, [{ name: 'kernel' }, { name: 'prompt' }]);
  assert.is(findings.length, 1);
});

test('other limits give another verdict of the same record', async () => {
  assert.is((await replay(recorded(4000), rules, { ...rules.limits, graceMs: 5000 })).verdict.kind, 'failed');
  assert.is((await replay(recorded(4000), rules, { ...rules.limits, timeoutMs: 800 })).verdict.kind, 'stalled');
});

test('a recording without an end is given up when the run is interrupted', async () => {
  const abort = new AbortController();
  const judged = replay('/dev/zero', rules, rules.limits, abort.signal).catch((error: unknown) => error);
  abort.abort(new Error('interrupted'));
  assert.match(String(await judged), 'interrupted');
});

test.run();
