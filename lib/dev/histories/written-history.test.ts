// The histories of fixtures/histories with the real builders, and the format of a written history.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Builder } from './build-outcome.ts';
import { realBuilders } from './history-stress.ts';
import { historyFrom, replayAllWritten, replayWritten, writtenHistories } from './written-history.ts';
import type { WrittenHistory } from './written-history.ts';

const top = await mkdtemp(join(tmpdir(), 'bloomery-written-'));
test.after(() => rm(top, { recursive: true, force: true }));
const context = { report: () => undefined, signal: new AbortController().signal };
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const builders = await realBuilders(env, process.execPath, context);

const buildsIn = ({ steps }: WrittenHistory): number => steps.filter((step) => 'build' in step).length;
// The others are for npx zx tasks/replay-histories.ts fixtures/histories/*.toml
const histories = (await writtenHistories(resolve(import.meta.dirname, '../../../fixtures/histories'))).filter((one) => buildsIn(one) <= 3);
const faults = replayAllWritten(histories, top, builders, context);

for (const { name, what } of histories)
  test(`${name}: ${what}`, async () => {
    assert.is(await faults.get(name), undefined);
  });

const small = 'what = "w"\nsteps = [{ build = [], units = 0 }]\n[files]\n"a/b" = "text"\n';

test('an output that differs from that of cargo in an empty folder is a fault, and so are more units than may be', async () => {
  const printing = (stdout: string, units: number): Builder => {
    return async () => ({ kind: 'built', outputs: { p: { exitCode: 0, stdout } }, units });
  };
  const tried = async (name: string, ours: Builder): Promise<string | undefined> =>
    replayWritten(historyFrom('small', small), join(top, name), { cargo: printing('new', 1), ours }, context);
  assert.is(await tried('same', printing('new', 0)), undefined);
  assert.match((await tried('stale', printing('old', 0))) ?? '', /^step 1: "p" prints "old", cargo's "new"$/);
  assert.match((await tried('short', printing('new\nmore', 0))) ?? '', /^step 1: "p" prints "more", cargo's nothing more$/);
  assert.match((await tried('needless', printing('new', 2))) ?? '', /^step 1: 2 units were built, at most 0 may be$/);
});

test('a wrong field is named', () => {
  const refused = (from: string, to: string): void => assert.throws(() => historyFrom('x', small.replace(from, to)), message);
  let message = 'Cannot read the history "x": steps[0].unit: there is no such field';
  refused('units', 'unit');
  message = 'Cannot read the history "x": steps[0].build: it must be a list: [ ... ]';
  refused('[]', '"release"');
  message = 'Cannot read the history "x": files["a/b"]: it must be a text, a link or an executable';
  refused('"text"', '1');
});

test.run();
