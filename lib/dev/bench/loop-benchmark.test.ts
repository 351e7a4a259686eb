// The table of the inner loop from given rounds, and one real round of the smallest kernel.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { benchmarkLoop, linkMs, loopRow, loopSubjects } from './loop-benchmark.ts';
import type { LoopRound } from './loop-benchmark.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

test('a row is the round with the median time, and the time of the compiler excludes its linker', () => {
  const parts = { plan: 10, image: 5, other: 90, firmware: 300, boot: 20, judging: 200 };
  const round = (wall: number, compile: number): LoopRound => ({ wall, notice: 60, parts: { ...parts, compile } });
  const [subject] = loopSubjects;
  if (!subject) throw new Error('there are subjects');
  const row = loopRow({ subject, rounds: [round(900, 300), round(700, 200), round(800, 220)], linkMs: 20 });
  assert.equal([row.sum, row.compile, row.link, row.notice, row.boot], [0.8, 0.2, 0.02, 0.06, 0.02]);
  assert.is(loopRow({ subject, rounds: [], linkMs: undefined }).link, undefined);
});

test('the time of the linker is the last one that rustc printed', () => {
  const text =
    'time: {"pass":"link","time":0.5,"x":1}\ntime: {"pass":"link_crate","time":0.9,"x":1}\ntime: {"pass":"link","time":0.025,"x":1}\n';
  assert.is(linkMs(text), 25);
  assert.is(linkMs('nothing'), undefined);
});

test('the smallest kernel is edited, built, booted and judged', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'loop-benchmark-'));
  try {
    const context = { signal: new AbortController().signal, report: () => undefined };
    const [measured] = await benchmarkLoop(
      loopSubjects.filter(({ system }) => system === 'hello'),
      { scratch, env, repeat: 1 },
      context,
    );
    if (!measured) throw new Error('nothing was measured');
    const { sum, compile, judging } = loopRow(measured);
    assert.ok((sum ?? 0) > 0.2 && (compile ?? 0) > 0 && (judging ?? 0) > 0, JSON.stringify(measured.rounds));
  } finally {
    await rm(scratch, { recursive: true });
  }
});

test.run();
