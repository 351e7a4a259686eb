// What a command line begins before it is parsed. Whether a begun compilation is used is tested in lib/crates.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf, run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { cacheIn } from './compile-cache.ts';

const repository = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

test('the cache of a command line is the last value of --cache before "--"', () => {
  assert.is(cacheIn(['hexyl', '--release']), undefined);
  assert.is(cacheIn(['hexyl', '--cache', 'a']), 'a');
  assert.is(cacheIn(['--cache=a=b', 'hexyl']), 'a=b');
  assert.is(cacheIn(['--cache', 'a', '--cache=b', '--', '--cache', 'c']), 'b');
  assert.is(cacheIn(['hexyl', '--cache']), undefined);
});

test('edits, errors and other variables lead to the same programs as without a head start, and nothing is left', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-head-start-'));
  try {
    await cp(join(repository, 'fixtures/crates'), join(dir, 'checkout'), { recursive: true });
    const main = join(dir, 'checkout/greeter/src/main.rs');
    const crates = (variables: Readonly<Record<string, string>> = {}, ...flags: readonly string[]): Promise<RunResult> => {
      const words = ['checkout', '--cache', 'cache', '--out', 'out', '--quiet', ...flags];
      return run([process.execPath, join(repository, 'tasks/crates.ts'), ...words], { cwd: dir, env: { ...env, ...variables } });
    };
    const answer = (): Promise<string> => outputOf('run the program', [join(dir, 'out/bin/greeter')], { cwd: dir, env: {} });
    const says = (text: string): Promise<void> => writeFile(main, `fn main() { println!("${text} {}", cfg!(loud)); }\n`);
    const text = await readFile(main, 'utf8');
    const failed = await crates();
    assert.is(failed.exitCode, 0, failed.stderr);
    for (const word of ['one', 'two', 'three']) {
      await says(word);
      assert.is((await crates()).exitCode, 0);
      assert.is(await answer(), `${word} false\n`);
    }
    // The begun compilation does not know the flag, so the build compiles anew.
    await says('four');
    assert.is((await crates({ RUSTFLAGS: '--cfg loud' })).exitCode, 0);
    assert.is(await answer(), 'four true\n');
    await writeFile(main, 'fn main() { missing(); }\n');
    const broken = await crates();
    assert.is(broken.exitCode, 1);
    assert.match(broken.stderr, /cannot find function `missing`/);
    await writeFile(main, text);
    assert.is((await crates()).exitCode, 0);
    assert.match(await answer(), /HELLO 3 words/);
    // A command line that fails early stops what it has begun.
    await says('five');
    await rm(join(dir, 'checkout/Cargo.toml'));
    assert.is((await crates()).exitCode, 1);
    assert.equal(await readdir(join(dir, 'cache/v1/tmp')), []);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test.run();
