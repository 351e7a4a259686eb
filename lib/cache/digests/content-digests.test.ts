// When the digest of a file's content comes from the memory, from the second thread or from the file, and which stamp it has. The memory and the
// second thread are puppets.
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import { digestBytes } from '../../core/digest.ts';
import { ContentDigests, programDigest } from './content-digests.ts';
import type { DigestMemory } from './digest-memory.ts';
import { stampOf } from './file-stamp.ts';
import { Prefetcher } from './prefetcher.ts';

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

test('a file whose stamp is in the memory is not read, and one with another stamp is', async () => {
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

test('a file that may change within one tick is read, has no stamp and is not remembered', async () => {
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

test('what the second thread has read is not read again', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    await settle(scratch);
    const contents = new ContentDigests(puppetMemory(), new PuppetPrefetcher(), scratch.folder);
    assert.is(contents.find(path, statSync(path)).digest, digestBytes('prefetched'));
  });
});

test('an executable file has the digest of a program, and its bytes are remembered', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    const memory = puppetMemory();
    const contents = new ContentDigests(memory, new Prefetcher(), scratch.folder);
    const stats = Object.assign(statSync(path), { mode: 0o755, ctimeMs: 1 });
    assert.is(contents.find(path, stats).digest, programDigest(digestBytes('text')));
    assert.equal([...memory.learned.values()], [`${stampOf(stats)}|${digestBytes('text')}`]);
  });
});

test('a written file is remembered at once, and a name that would break a line of the memory is not', async () => {
  await withScratch(async (scratch) => {
    const memory = puppetMemory();
    const contents = new ContentDigests(memory, new Prefetcher(), scratch.folder);
    for (const [name, remembered] of [['a', true], ['a\tb', false], ['a\nb', false], ['a\udcff', false]] as const) {
      const stats = statSync(await scratch.write('plain', 'text'));
      const value = contents.learn(join(scratch.folder, name), stats, digestBytes('text'));
      assert.is(value, remembered ? `${stampOf(stats)}|${digestBytes('text')}` : undefined, JSON.stringify(name));
    }
    assert.equal([...memory.learned.keys()], [join(scratch.folder, 'a')]);
  });
});

test.run();
