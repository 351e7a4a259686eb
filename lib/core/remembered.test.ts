// A memoized value is computed once per state of its files.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from './errors.ts';
import { digestBytes } from './digest.ts';
import { remembered } from './remembered.ts';
import { isText } from './stored-values.ts';

const isNumber = (value: unknown): value is number => typeof value === 'number';

interface Memory {
  readonly cacheDir: string;
  readonly witness: string;
  readonly ask: (question?: string) => Promise<number>;
}

/** A cache, a file that does not exist yet, and a question whose computations are counted. */
async function withMemory(use: (memory: Memory) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-remembered-'));
  const cacheDir = join(folder, 'cache');
  const witness = join(folder, 'witness');
  let computed = 0;
  const ask = (question = 'a'): Promise<number> =>
    remembered<number>(cacheDir, 'test', { question }, async () => ({ value: ++computed, witnesses: [witness] }), isNumber);
  try {
    await use({ cacheDir, witness, ask });
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('the same question is computed once', async () => {
  await withMemory(async ({ ask }) =>
    assert.equal([await ask(), await ask(), await ask('b'), await ask('b'), await ask()], [1, 1, 2, 2, 1]),
  );
});

test('a file that appears, changes or disappears causes a new computation', async () => {
  await withMemory(async ({ ask, witness }) => {
    await ask();
    await writeFile(witness, 'one');
    assert.equal([await ask(), await ask()], [2, 2]);
    await writeFile(witness, 'three');
    assert.equal([await ask(), await ask()], [3, 3]);
    await rm(witness);
    assert.equal([await ask(), await ask()], [4, 4]);
  });
});

test('a damaged record is the same as none', async () => {
  await withMemory(async ({ ask, cacheDir }) => {
    await ask();
    const [name] = await readdir(join(cacheDir, 'remembered'));
    for (const damage of [
      '',
      '{',
      '7',
      '{"value":99}',
      '{"value":99,"witnesses":7}',
      '{"value":99,"witnesses":[7]}',
      '{"value":99,"witnesses":[[]]}',
    ]) {
      // Without the digest of its text, and with it: as another version of the project may write it.
      for (const text of [damage, `${digestBytes(damage)}\n${damage}`]) {
        await writeFile(join(cacheDir, 'remembered', name ?? ''), text);
        assert.is.not(await ask(), 99, text);
      }
    }
  });
});

test('a whole record with a value of another type is computed anew', async () => {
  await withMemory(async ({ ask, cacheDir }) => {
    await ask();
    const path = join(cacheDir, 'remembered', (await readdir(join(cacheDir, 'remembered')))[0] ?? '');
    for (const [index, value] of ['"9"', 'null', '[9]', '{}'].entries()) {
      const body = `{"value":${value},"witnesses":[]}`;
      await writeFile(path, `${digestBytes(body)}\n${body}`);
      assert.is(await ask(), index + 2, value);
      assert.is(await ask(), index + 2, value);
    }
    const body = '{"value":9,"witnesses":[]}';
    await writeFile(path, `${digestBytes(body)}\n${body}`);
    assert.is(await ask(), 9);
  });
});

test('concurrent writers write whole records and leave no other files', async () => {
  await withMemory(async ({ ask, cacheDir }) => {
    await Promise.all(Array.from({ length: 20 }, () => ask()));
    assert.is((await readdir(join(cacheDir, 'remembered'))).length, 1);
    assert.is(await ask(), await ask());
  });
});

test('a cache that cannot be written is a failure that names it', async () => {
  await withMemory(async ({ ask, cacheDir }) => {
    await writeFile(cacheDir, 'a file where the folder should be');
    const error: unknown = await ask().catch((reason: unknown) => reason);
    assert.instance(error, Failure);
    assert.match((error as Failure).message, /^Cannot write ".*remembered.*": a part of the path is not a folder/);
  });
});

test('a record that cannot be written leaves no other file', async () => {
  await withMemory(async ({ ask, cacheDir }) => {
    await ask();
    const folder = join(cacheDir, 'remembered');
    const [name = ''] = await readdir(folder);
    await rm(join(folder, name));
    await mkdir(join(folder, name));
    assert.instance(await ask().catch((reason: unknown) => reason), Failure);
    assert.equal(await readdir(folder), [name]);
  });
});

test('a record with one changed bit, still valid JSON, is computed again', async () => {
  const cacheDir = await mkdtemp(join(tmpdir(), 'bloomery-remembered-'));
  try {
    const ask = (value: string): Promise<string> => remembered(cacheDir, 'flip', null, async () => ({ value, witnesses: [] }), isText);
    assert.is(await ask('aaaa'), 'aaaa');
    const [name = ''] = await readdir(join(cacheDir, 'remembered'));
    const path = join(cacheDir, 'remembered', name);
    await writeFile(path, (await readFile(path, 'utf8')).replace('aaaa', 'aaba'));
    assert.is(await ask('cccc'), 'cccc');
    assert.is(await ask('dddd'), 'cccc');
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
});

test.run();
