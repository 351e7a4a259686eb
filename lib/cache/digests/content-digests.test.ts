// Whether the digest of a file's content comes from the memory, from the second thread or from the file, and
// which stamp it has.
import { statSync, utimesSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ContentDigests, openDigestMemory, programDigest } from './content-digests.ts';
import type { DigestMemory } from './content-digests.ts';
import { stampOf } from './look-table.ts';
import { Prefetcher } from './prefetcher.ts';
import { digestBytes } from '../../core/digest.ts';
import { settle, withScratch } from '../../dev/testing/scratch.ts';

function puppetMemory(rows: readonly (readonly [string, string])[] = []): DigestMemory & { readonly learned: Map<string, string> } {
  const values = new Map(rows);
  const learned = new Map<string, string>();
  return {
    learned,
    get: (path) => values.get(path),
    wasKnown: (path) => values.has(path),
    take: (path, value) => void values.set(path, value),
    learn: (path, value) => void learned.set(path, value),
    save: async () => undefined,
  };
}

class PuppetPrefetcher extends Prefetcher {
  override digest(): ReturnType<Prefetcher['digest']> {
    return digestBytes('prefetched');
  }
}

test('a file whose stamp is in the memory is not read, and a file with another stamp is read', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    await settle(scratch);
    const stats = statSync(path);
    const known = puppetMemory([[path, `${stampOf(stats)}|${digestBytes('planted')}`]]);
    assert.equal(new ContentDigests(known, new Prefetcher(), scratch.folder).find(path, stats), {
      digest: digestBytes('planted'),
      stamp: stampOf(stats),
    });
    const other = puppetMemory([[path, `${stampOf(stats)}0|${digestBytes('planted')}`]]);
    assert.is(new ContentDigests(other, new Prefetcher(), scratch.folder).find(path, stats).digest, digestBytes('text'));
    assert.equal([...other.learned], [[path, `${stampOf(stats)}|${digestBytes('text')}`]]);
  });
});

test('a file that may change within one tick is read, has no stamp and is not stored', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    const memory = puppetMemory();
    const contents = new ContentDigests(memory, new PuppetPrefetcher(), scratch.folder);
    utimesSync(path, 1, 1); // sets the time of the last change to now
    assert.equal(contents.find(path, statSync(path)), { digest: digestBytes('text'), stamp: '' });
    assert.is(contents.stamp(statSync(path)), '');
    assert.is(memory.learned.size, 0);
  });
});

test('a file that the second thread has read is not read again', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    await settle(scratch);
    const contents = new ContentDigests(puppetMemory(), new PuppetPrefetcher(), scratch.folder);
    assert.is(contents.find(path, statSync(path)).digest, digestBytes('prefetched'));
  });
});

test('an executable file has the digest of a program, and the digest of its bytes is stored', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    const memory = puppetMemory();
    const contents = new ContentDigests(memory, new Prefetcher(), scratch.folder);
    const stats = Object.assign(statSync(path), { mode: 0o755, ctimeMs: 1 });
    assert.is(contents.find(path, stats).digest, programDigest(digestBytes('text')));
    assert.equal([...memory.learned.values()], [`${stampOf(stats)}|${digestBytes('text')}`]);
  });
});

test('the digest of a written file is stored at once, and a name that would break a line of the memory is not stored', async () => {
  await withScratch(async (scratch) => {
    const memory = puppetMemory();
    const contents = new ContentDigests(memory, new Prefetcher(), scratch.folder);
    for (const [name, remembered] of [
      ['a', true],
      ['a\tb', false],
      ['a\nb', false],
      ['a\udcff', false],
    ] as const) {
      const stats = statSync(await scratch.write('plain', 'text'));
      const value = contents.learn(join(scratch.folder, name), stats, digestBytes('text'));
      assert.is(value, remembered ? `${stampOf(stats)}|${digestBytes('text')}` : undefined, JSON.stringify(name));
    }
    assert.equal([...memory.learned.keys()], [join(scratch.folder, 'a')]);
  });
});

interface Place {
  /** Opens the memory as another process does. */
  open(): DigestMemory;
  /** The inode of each part that is written, by its name. */
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

test('a later process finds learned values, and values that were only taken over cause no write', async () => {
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

test('learning values of one folder writes one part, and reading them reads one part', async () => {
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

test('a full part keeps the values that were used last', async () => {
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
