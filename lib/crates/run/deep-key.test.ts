// Deep keys in a real build of the fixture. A unit is found by its sources and those of its dependencies, as
// long as none of them has changed. The keys of actions need the stored inputs ("inputs"), and deep keys do
// not. Removing the records of one or the other shows which of them led to a hit.
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../../cache/cache.ts';
import { compile } from '../compile.ts';

const fixture = resolve(import.meta.dirname, '../../../fixtures/crates');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => {} };

test('a program is found by its sources and those of all its dependencies', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-deep-'));
  const checkout = join(dir, 'checkout');
  const project = {
    name: 'fixture',
    dir: checkout,
    packages: ['greeter'],
    bins: ['greeter'],
    lib: false,
    features: [],
    defaultFeatures: true,
    profile: 'release',
    triple: undefined,
    buildStd: [],
    buildStdFeatures: [],
    cargoConfigs: [],
    env: {},
  };
  const misses = async (): Promise<number> => {
    const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
    const settings = { hostEnv, toolchain: undefined, rustSrc: undefined, jobs: 2, sandbox: true, shorten: String, colour: false };
    try {
      // With `explain` the stored answer of a build is not used, which would need neither kind of key.
      return (await compile([project], { cache, ...settings, explain: true }, context)).misses;
    } finally {
      await cache.close();
    }
  };
  const forget = (kind: string): Promise<void> => rm(join(dir, 'cache/v1', kind), { recursive: true });
  try {
    await cp(fixture, checkout, { recursive: true });
    assert.is(await misses(), 8);

    await forget('deep');
    assert.is(await misses(), 0, 'without deep keys, the keys of actions lead to hits');
    assert.ok((await readdir(join(dir, 'cache/v1/deep'))).length > 0, 'and deep keys are stored again');

    await forget('inputs');
    assert.is(await misses(), 0, 'deep keys lead to hits');

    const words = join(checkout, 'greeter/words.txt');
    await writeFile(words, 'some other words here\n');
    assert.is(
      await misses(),
      3,
      'the script, the library and the program are misses, and units that do not depend on the edited file are hits',
    );
    await writeFile(words, 'one two three\n');
    await forget('inputs');
    assert.is(await misses(), 0, 'after the edit is undone, all units are hits');

    await writeFile(join(checkout, 'shout/src/lib.rs'), '// not the same macro crate\n', { flag: 'a' });
    assert.ok((await misses()) > 0, 'after an edit of a dependency, the program is not a hit');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test.run();
