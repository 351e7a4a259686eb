// After a change, trees of an earlier record in which nothing has changed keep their digests and their rows.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import type { WrittenLooks } from './written-looks.ts';

const names = ['a', 'b', 'c'] as const;
const plain = { ignore: ['.git'] };

/** Writes three trees and a file, and returns the record of a run that observed them. */
async function firstRecord(scratch: Scratch): Promise<WrittenLooks> {
  for (const name of names) {
    await scratch.write(`${name}/src/lib.rs`, name);
    await scratch.write(`${name}/Cargo.toml`, name);
    await symlink('Cargo.toml', join(scratch.folder, name, 'link'));
  }
  await scratch.write('main.rs', '1');
  await settle(scratch);
  const { digests } = await scratch.reopen();
  for (const name of names) await digests.tree(join(scratch.folder, name), plain);
  await digests.file(join(scratch.folder, 'main.rs'));
  return digests.record();
}

const lines = ({ paths }: { readonly paths: string }): readonly string[] => paths.split('\n').sort();

test('after an edit, the next record has the digests and rows of the trees that were used, and holds', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const first = await firstRecord(scratch);
    await write('main.rs', '2');
    await settle(scratch);
    const { digests } = await scratch.reopen();
    assert.is(await digests.holds(first), undefined);
    digests.prepareRecord();
    const found = await Promise.all(['a', 'b'].map((name) => digests.tree(join(folder, name), plain)));
    const again = (await scratch.reopen()).digests;
    assert.equal(found, [await again.tree(join(folder, 'a'), plain), await again.tree(join(folder, 'b'), plain)]);
    await digests.file(join(folder, 'main.rs'));
    await digests.file(join(folder, 'a/Cargo.toml'));
    await digests.file(join(folder, 'a/absent'));
    const second = digests.record();
    assert.equal(second.trees.length, 2);
    assert.is(await (await scratch.reopen()).digests.holds(second), second);
    assert.not(JSON.stringify(second).includes(`${folder}/c`), 'c was not asked for');
    assert.is(lines(second.files).filter((line) => line.includes('Cargo.toml')).length, 2, 'rows are not repeated');
    for (const path of ['a/src/lib.rs', 'b/Cargo.toml', 'a/absent', 'main.rs']) {
      const other = await (await scratch.reopen()).digests.holds(second);
      assert.is.not(other, undefined, path);
      const place = join(folder, path);
      await rename(place, `${place}.old`).catch(() => undefined);
      await writeFile(place, 'else');
      assert.is(await (await scratch.reopen()).digests.holds(second), undefined, path);
      await rm(place);
      await rename(`${place}.old`, place).catch(() => undefined);
    }
  });
});

test('a tree with any change is walked again, wherever the change is', async () => {
  const changes: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
    edited: (folder) => writeFile(join(folder, 'a/src/lib.rs'), 'edited'),
    added: (folder) => writeFile(join(folder, 'a/src/new.rs'), ''),
    removed: (folder) => rm(join(folder, 'a/src/lib.rs')),
    'a folder in place of a file': (folder) => rm(join(folder, 'a/Cargo.toml')).then(() => mkdir(join(folder, 'a/Cargo.toml'))),
    'another link': (folder) => rm(join(folder, 'a/link')).then(() => symlink('src', join(folder, 'a/link'))),
    'another folder': (folder) => rename(join(folder, 'a'), join(folder, 'old')).then(() => rename(join(folder, 'b'), join(folder, 'a'))),
    gone: (folder) => rm(join(folder, 'a'), { recursive: true }),
  };
  for (const [what, change] of Object.entries(changes)) {
    // The first difference is found in the tree itself or before it.
    for (const isEdited of [false, true]) {
      await withScratch(async (scratch) => {
        const { folder, write } = scratch;
        const first = await firstRecord(scratch);
        if (isEdited) await write('main.rs', '2');
        await change(folder);
        const { digests } = await scratch.reopen();
        assert.is(await digests.holds(first), undefined, what);
        const fresh = (await scratch.reopen()).digests;
        for (const name of names) {
          const dir = join(folder, name);
          assert.is(await digests.tree(dir, plain), await fresh.tree(dir, plain), `${what}: ${name}`);
        }
        const second = digests.record();
        assert.is.not(await (await scratch.reopen()).digests.holds(second), undefined, what);
      });
    }
  }
});

test('trees of which git ignores parts, and trees whose links are followed, are always walked again', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('outside/file', '1');
    await write('tree/file', '1');
    await symlink('../outside', join(folder, 'tree/link'));
    await settle(scratch);
    const first = (await scratch.reopen()).digests;
    for (const options of [{ follow: true }, { gitignore: true }]) await first.tree(join(folder, 'tree'), options);
    assert.equal(first.record().trees, []);
  });
});

test('a tree is not kept if a command may have written to it', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const first = await firstRecord(scratch);
    await write('main.rs', '2');
    const { digests } = await scratch.reopen();
    await digests.holds(first);
    const path = await write('a/Cargo.toml', 'written');
    digests.forget(path);
    assert.is(await digests.tree(join(folder, 'a'), plain), await (await scratch.reopen()).digests.tree(join(folder, 'a'), plain));
  });
});

test.run();
