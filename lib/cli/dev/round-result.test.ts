// Status lines and objects of rounds, and the clock of their parts.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Event } from '../../core/events.ts';
import { BuildClock } from './build-clock.ts';
import { roundJson, roundLine } from './round-result.ts';

const built = { compiled: 1, hits: 44, seconds: 0.4189 };
const verdict = { kind: 'booted', line: '> ', afterMs: 1234 } as const;
const digest = '0'.repeat(64) as Extract<Event, { kind: 'unit-finished' }>['key'];

test('a line contains the built units, the boot, and the duration of the parts', () => {
  assert.is(roundLine({ ok: true, built, parts: {} }), 'built in 0.42 s (1 compiled, 44 hits)');
  const parts = { compile: 300, image: 1, boot: 1200, judging: 204 };
  const whole = { ok: true, built, verdict, command: { text: 'ls', status: 2, output: '' }, parts };
  assert.is(
    roundLine(whole),
    'built in 0.42 s (1 compiled, 44 hits), booted after 1.2 s: "> ", "ls" exited with status 2 [compile 0.30, boot 1.20, judging 0.20]',
  );
  const same = roundLine({ ok: true, built, sameMachine: true, parts: {} });
  assert.is(same, 'built in 0.42 s (1 compiled, 44 hits), the same bytes: the machine runs on');
  const tested = (failed: number): string => roundLine({ ok: failed === 0, built, tests: { passed: 3, failed, fromCache: 2 }, parts: {} });
  assert.is(tested(0), 'built in 0.42 s (1 compiled, 44 hits), 3 tests passed (2 from the cache)');
  assert.is(tested(1), 'built in 0.42 s (1 compiled, 44 hits), 1 of 4 tests failed');
  assert.is(roundLine({ ok: false, error: 'Cannot compile p: no', parts: {} }), 'failed: Cannot compile p: no');
});

test('the object has the same, with the files that changed', () => {
  const about = { round: 2, cause: 'change', files: ['src/main.rs'], seconds: 0.5 };
  assert.equal(roundJson({ ok: true, built, image: '/x.img', verdict, parts: { compile: 300.4 } }, about), {
    ...about,
    ok: true,
    built: { compiled: 1, hits: 44, seconds: 0.42 },
    image: '/x.img',
    verdict: { ...verdict },
    parts: { compile: 300 },
  });
});

test('the time of compiling is that with at least one running process, however many ran', () => {
  let now = 0;
  const clock = new BuildClock(() => now);
  const seen: string[] = [];
  const report = clock.watch((event) => seen.push(event.kind));
  const at = (ms: number, event: Event): void => {
    now = ms;
    report(event);
  };
  at(20, { kind: 'phase-finished', phase: 'planning', durationMs: 15 });
  at(30, { kind: 'unit-finished', unit: 'hit', outcome: 'hit', durationMs: 1, key: digest });
  at(100, { kind: 'unit-started', unit: 'a' });
  at(150, { kind: 'unit-started', unit: 'b' });
  at(300, { kind: 'unit-finished', unit: 'a', outcome: 'built', durationMs: 200, key: digest });
  at(400, { kind: 'unit-failed', unit: 'b' });
  at(500, { kind: 'unit-started', unit: 'c' });
  at(600, { kind: 'unit-finished', unit: 'c', outcome: 'built', durationMs: 100, key: digest });
  at(650, { kind: 'phase-finished', phase: 'assembling the image', durationMs: 40 });
  at(660, { kind: 'phase-finished', phase: 'something else', durationMs: 9 });
  assert.equal(clock.parts(), { plan: 15, compile: 400, image: 40, other: 205, total: 660 });
  assert.is(seen.length, 10);
});

test.run();
