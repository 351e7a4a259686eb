// The memory gives back what was learned, and costs what is asked of it, not what it holds.
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import { openDigestMemory } from './digest-memory.ts';
import type { DigestMemory } from './digest-memory.ts';

interface Place {
  /** The memory as another process opens it. */
  open(): DigestMemory;
  /** Name -> inode of each part that is written. */
  parts(): Promise<Readonly<Record<string, number>>>;
  readonly dir: string;
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'bloomery-memory-'));
  const dir = join(home, 'digests');
  try {
    await use({
      dir,
      open: () => openDigestMemory(dir, home),
      async parts() {
        const names = await readdir(dir);
        return Object.fromEntries(await Promise.all(names.sort().map(async (name) => [name, (await stat(join(dir, name))).ino] as const)));
      },
    });
  } finally {
    await rm(home, { recursive: true });
  }
}

const partOf = (folder: string): string => digestBytes(folder).slice(0, 2);

test('what was learned is known to a later process, and what was only taken from elsewhere writes nothing', async () => {
  await withPlace(async ({ open }) => {
    const first = open();
    first.learn('/a/file', 'one');
    first.take('/a/file', 'older');
    assert.equal([first.get('/a/file'), first.wasKnown('/a/file')], ['one', false]);
    await first.save();
    const second = open();
    second.take('/b/file', 'two');
    assert.is(second.get('/b/file'), 'two');
    await second.save();
    assert.equal([open().get('/a/file'), open().wasKnown('/a/file')], ['one', true]);
    assert.is(open().get('/b/file'), undefined);
  });
});

test('to learn of one folder writes one part, and to ask about it reads one', async () => {
  await withPlace(async ({ dir, open, parts }) => {
    const folders = Array.from({ length: 300 }, (_, index) => `/source/package-${index}/src`);
    const first = open();
    for (const folder of folders) for (const name of ['lib.rs', 'main.rs']) first.learn(`${folder}/${name}`, `value of ${name}`);
    await first.save();
    const before = await parts();
    assert.ok(Object.keys(before).length > 100);

    const [folder = ''] = folders;
    const second = open();
    second.learn(`${folder}/lib.rs`, 'another value');
    await second.save();
    const after = await parts();
    assert.equal(
      Object.keys(after).filter((name) => after[name] !== before[name]),
      [partOf(folder)],
    );
    for (const name of Object.keys(after)) if (name !== partOf(folder)) await writeFile(join(dir, name), 'damaged');
    assert.is(open().get(`${folder}/lib.rs`), 'another value');
    assert.is(open().get(`${folder}/main.rs`), 'value of main.rs');
  });
});

test('a part that is full keeps what was used latest', async () => {
  await withPlace(async ({ open }) => {
    const folder = '/first';
    const other = Array.from({ length: 100_000 }, (_, index) => `/other-${index}`).find((one) => partOf(one) === partOf(folder)) ?? '';
    const first = open();
    for (let index = 0; index < 500; index++) first.learn(`${folder}/${index}`, 'value');
    await first.save();
    const second = open();
    assert.is(second.get(`${folder}/499`), 'value');
    second.learn(`${other}/new`, 'value');
    await second.save();
    const third = open();
    assert.is(third.get(`${other}/new`), 'value');
    assert.is(third.get(`${folder}/499`), 'value', 'used by the second');
    assert.is(third.get(`${folder}/498`), undefined);
    assert.is(third.get(`${folder}/0`), 'value');
  });
});

test.run();
