// From events to times: the data of a recorder, the summary at the end, and the page.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../core/digest.ts';
import type { Event } from '../core/events.ts';
import { summary } from './build-recorder.ts';
import { concurrency, cpuTicks, recordTimings, slowest } from './timings.ts';
import { timingsPage } from './timings-page.ts';
import type { Timings } from './timings.ts';

const key = digestBytes('');
const started = (unit: string): Event => ({ kind: 'unit-started', unit });
const built = (unit: string): Event => ({ kind: 'unit-finished', unit, outcome: 'built', durationMs: 1, key });
const hit = (unit: string, savedMs: number, durationMs = 0): Event => ({
  kind: 'unit-finished',
  unit,
  outcome: 'hit',
  durationMs,
  savedMs,
  key,
});

/** What is recorded of events at given times. */
function recorded(rows: readonly (readonly [atMs: number, event: Event])[], totalMs: number): Timings {
  let clock = 5000;
  const passed: Event[] = [];
  const recorder = recordTimings(
    (event) => passed.push(event),
    () => clock,
  );
  for (const [atMs, event] of rows) {
    clock = 5000 + atMs;
    recorder.report(event);
  }
  clock = 5000 + totalMs;
  assert.equal(
    passed,
    rows.map(([, event]) => event),
    'every event is passed on',
  );
  return recorder.timings();
}

const build = recorded(
  [
    [0, hit('core 0.0.0', 3000, 10)],
    [0, { kind: 'units-skipped', units: 2, savedMs: 1000 }],
    [0, { kind: 'unit-missed', unit: 'a 1.0', reasons: ['a.rs changed'] }],
    [100, started('a 1.0')],
    [200, started('b 1.0 (run build script)')],
    [300, { kind: 'unit-metadata-ready', unit: 'a 1.0' }],
    [700, built('b 1.0 (run build script)')],
    [900, built('a 1.0')],
    [900, started('c <&> "quoted"')],
    [1900, built('c <&> "quoted"')],
    [1950, { kind: 'repaired', digest: key }],
  ],
  2000,
);

test('units have their start, metadata and end; hits have the time that they saved', () => {
  assert.equal(build.built, [
    { unit: 'a 1.0', startMs: 100, endMs: 900, metadataMs: 300 },
    { unit: 'b 1.0 (run build script)', startMs: 200, endMs: 700, metadataMs: undefined },
    { unit: 'c <&> "quoted"', startMs: 900, endMs: 1900, metadataMs: undefined },
  ]);
  assert.equal([build.savedMs, build.repaired, build.hits, build.totalMs], [3990, 1, 3, 2000]);
  assert.equal(build.missed, [{ unit: 'a 1.0', reasons: ['a.rs changed'] }]);
});

test('two units of one label are distinguished by their order', () => {
  const { built: both } = recorded(
    [
      [0, started('x')],
      [10, started('x')],
      [50, built('x')],
      [90, built('x')],
    ],
    100,
  );
  assert.equal(
    both.map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [0, 50],
      [10, 90],
    ],
  );
});

test('concurrency goes up and down with the units, down before up at one time', () => {
  assert.equal(
    concurrency(build.built).map(({ atMs, running }) => [atMs, running]),
    [
      [100, 1],
      [200, 2],
      [700, 1],
      [900, 0],
      [900, 1],
      [1900, 0],
    ],
  );
  assert.equal(
    slowest(build, 2).map(({ unit }) => unit),
    ['c <&> "quoted"', 'a 1.0'],
  );
});

test('the summary counts, contains the saved time and repairs, and names the slowest units', () => {
  assert.equal(summary({ units: 4, hits: 1, misses: 3 }, 2, build), [
    '4 units: 1 hit, 3 built, in 2.0 s; the cache saved 4.0 s of compiling; 1 damaged entry repaired',
    'slowest: c <&> "quoted" 1.0 s, a 1.0 0.8 s, b 1.0 (run build script) 0.5 s',
  ]);
  assert.equal(summary({ units: 1, hits: 1, misses: 0 }, 0.1, recorded([[0, hit('x', 50)]], 100)), ['1 unit: 1 hit, 0 built, in 0.1 s']);
});

test('the page needs no other files, shows each unit once in the chart and once in the table, and nothing of a name is taken for HTML', () => {
  const page = timingsPage({ ...build, cpu: [{ atMs: 500, busy: 0.5 }] }, 'Building <x>', '2 processors');
  assert.not.match(page, /<script|src=|href=|url\(|https?:/);
  assert.is(page.split('class="bar').length - 1, 4, 'one bar each, two where the metadata was early');
  assert.is(page.split('<tr>').length - 1, 1 + 3);
  assert.not.match(page, 'c <&>');
  assert.match(page, 'c &#60;&#38;&#62; &#34;quoted&#34;');
  assert.not.match(page, /NaN|undefined|Infinity/);
});

test('a page with only hits is correct', () => {
  assert.match(timingsPage(recorded([[0, hit('x', 1)]], 0), 'x', 'y'), 'every unit was a hit');
});

test("the kernel's ticks: all but idle and waiting counts as busy, guests' time once", () => {
  assert.equal(cpuTicks('cpu  10 1 5 80 4 1 2 3 7 7\ncpu0 1 1 1 1\n'), { busy: 22, total: 106 });
  assert.is(cpuTicks(''), undefined);
});

test.run();
