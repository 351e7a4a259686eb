// Stored observations hold for a later process as long as each of them would be the same again.
import { mkdir, rm, rmdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import { encodePath } from '../../core/paths.ts';
import { digestBytes } from '../../core/digest.ts';

test('stored observations hold until one of them would be different', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('src/main.rs', 'fn main() {}');
    await write('src/lib.rs', '');
    await write('read', 'text');
    await write('listed', '');
    await write('.git/HEAD', '');
    await write('asked/.gitignore', '*.log');
    await symlink('read', join(folder, 'link'));
    await settle(scratch);
    const first = await scratch.reopen();
    await first.digests.tree(join(folder, 'src'));
    await first.digests.tree(join(folder, 'asked'), { gitignore: true });
    first.digests.names(folder);
    for (const name of ['read', 'absent', 'link']) await first.digests.file(join(folder, name));
    let record = first.digests.record();
    const steps: readonly (readonly [string, boolean, () => Promise<unknown>])[] = [
      ['nothing', true, async () => {}],
      ['touched', true, () => utimes(join(folder, 'src/main.rs'), 1, 1)],
      ['written again', true, () => write('src/main.rs', 'fn main() {}')],
      ['edited below a tree', false, () => write('src/main.rs', 'fn main() { }')],
      ['edited back', true, () => write('src/main.rs', 'fn main() {}')],
      ['new below a tree', false, () => write('src/new.rs', '')],
      ['gone again', true, () => rm(join(folder, 'src/new.rs'))],
      ['what git ignores', true, () => write('asked/a.log', '')],
      ['what git does not ignore', false, () => write('asked/b', '')],
      ['gone again', true, () => rm(join(folder, 'asked/b'))],
      ['edited', false, () => write('read', 'else')],
      ['edited back', true, () => write('read', 'text')],
      ['what was absent', false, () => write('absent', '')],
      ['absent again', true, () => rm(join(folder, 'absent'))],
      ['a new name', false, () => write('another', '')],
      ['without it', true, () => rm(join(folder, 'another'))],
      [
        'a folder in place of a file that was only listed',
        false,
        () => rm(join(folder, 'listed')).then(() => mkdir(join(folder, 'listed'))),
      ],
      ['the file again', true, () => rmdir(join(folder, 'listed')).then(() => write('listed', ''))],
      ['a folder in place of a file', false, () => rm(join(folder, 'src/lib.rs')).then(() => mkdir(join(folder, 'src/lib.rs')))],
    ];
    for (const [what, holds, step] of steps) {
      await step();
      const now = await (await scratch.reopen()).digests.holds(record);
      assert.is(now !== undefined, holds, what);
      record = now ?? record;
    }
  });
});

test('a path that was both listed and read holds only as the same kind, folder or file', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const at = (name: string): string => join(folder, name);
    await write('target', 'text');
    await write('folder/file', '');
    await write('other/file', '');
    await symlink('target', at('to-file'));
    await symlink('folder', at('to-folder'));
    await write('file', 'text');
    await settle(scratch);
    const first = await scratch.reopen();
    for (const name of ['to-file', 'to-folder', 'file', 'absent', 'folder']) {
      first.digests.names(at(name));
      await first.digests.file(at(name));
    }
    const record = first.digests.record();
    const edits: readonly (readonly [string, () => Promise<unknown>, () => Promise<unknown>])[] = [
      ['a link leads to other bytes', () => write('target', 'else'), () => write('target', 'text')],
      ['a file has other bytes', () => write('file', 'else'), () => write('file', 'text')],
      ['a file appears', () => write('absent', ''), () => rm(at('absent'))],
      [
        'a link leads to another folder with the same names',
        () => rm(at('to-folder')).then(() => symlink('other', at('to-folder'))),
        () => rm(at('to-folder')).then(() => symlink('folder', at('to-folder'))),
      ],
    ];
    for (const [what, edit, back] of edits) {
      await edit();
      assert.is(await (await scratch.reopen()).digests.holds(record), undefined, what);
      await back();
      assert.is.not(await (await scratch.reopen()).digests.holds(record), undefined, `${what}, and back`);
    }
  });
});

test('observations of names with tabs, line feeds and bytes that are not UTF-8 are stored and read as JSON', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const paths = ['a\tb', 'a\nb', 'caf\udce9', ' ', '-'].map((name) => join(folder, name));
    for (const path of paths) await writeFile(encodePath(path), 'text');
    await settle(scratch);
    const first = await scratch.reopen();
    for (const path of [...paths, join(folder, 'none\there')]) await first.digests.file(path);
    const record = JSON.parse(JSON.stringify(first.digests.record()));
    assert.equal(await (await scratch.reopen()).digests.holds(record), record);
    for (const path of paths) {
      await writeFile(encodePath(path), 'else');
      assert.is(await (await scratch.reopen()).digests.holds(record), undefined, path);
      await writeFile(encodePath(path), 'text');
    }
    await write('none\there', '');
    assert.is(await (await scratch.reopen()).digests.holds(record), undefined);
  });
});

test('a record that holds gets the current time stamps, so that a touched file is read only once', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    await settle(scratch);
    const first = await scratch.reopen();
    await first.digests.file(path);
    const record = first.digests.record();
    await utimes(path, 1, 1);
    await settle(scratch);
    const now = (await (await scratch.reopen()).digests.holds(record)) ?? record;
    assert.is.not(now, record);
    assert.is(await (await scratch.reopen()).digests.holds(now), now);
  });
});

test('the next process finds learned digests without reading the files, and they must hold only if they were observed', async () => {
  await withScratch(async (scratch) => {
    const { cache, write, reopen } = scratch;
    const path = await write('out', 'text');
    cache.digests.present(path);
    const planted = digestBytes('planted');
    cache.digests.learn(path, planted);
    const record = cache.digests.record();
    const next = await reopen();
    assert.is(await next.digests.holds(record), record);
    assert.is(await next.digests.file(path), planted);
    await write('out', 'other');
    const third = await reopen();
    assert.is(await third.digests.holds(record), record);
    assert.is(await third.digests.file(path), digestBytes('other'));
    await write('out', 'newer');
    third.digests.learn(path, digestBytes('newer'));
    assert.is(await (await reopen()).digests.holds(third.digests.record()), undefined, 'it was observed before it was written');
  });
});

test.run();
