// Digests of sources depend only on their content, and the memory never returns a value that reading would
// not.
import { chmod, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import type { Cache } from '../cache.ts';
import { programDigest } from './content-digests.ts';

/** Returns the digest of the scratch folder as a new process computes it. */
async function tree({ folder, reopen }: Scratch, options?: { gitignore?: boolean; ignore?: readonly string[] }): Promise<Digest> {
  return (await reopen()).digests.tree(folder, options);
}

/** Returns the path of the part of the memory that has the value of a path. */
function memoryOf({ dir }: Cache, path: string): string {
  return join(dir, 'digests', digestBytes(dirname(path)).slice(0, 2));
}

test('a file has the digest of its bytes, and an absent file has no digest', async () => {
  await withScratch(async ({ cache: { digests }, folder, write }) => {
    assert.is(await digests.file(await write('a', 'text')), digestBytes('text'));
    assert.is(await digests.file(join(folder, 'none')), undefined);
    assert.is(await digests.file(join(folder, 'a/below-a-file')), undefined);
  });
});

test('the digest of a file depends on its bytes and on its permission to be executed', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('tool.sh', '#!/bin/sh');
    const plain = await tree(scratch);
    await chmod(path, 0o755);
    const { digests } = await scratch.reopen();
    assert.is(await digests.file(path), programDigest(digestBytes('#!/bin/sh')));
    assert.is.not(await digests.tree(scratch.folder), plain);
    await chmod(path, 0o600);
    assert.is(await tree(scratch), plain);
  });
});

test('the digest of a tree changes with its contents and with nothing else', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('src/main.rs', 'fn main() {}');
    await write('README.md', 'text');
    const first = await tree(scratch);
    const steps: readonly (readonly [string, boolean, () => Promise<unknown>])[] = [
      ['touched', false, () => utimes(join(folder, 'src/main.rs'), 1, 1)],
      ['written again', false, () => write('src/main.rs', 'fn main() {}')],
      ['edited', true, () => write('src/main.rs', 'fn main() { }')],
      ['edited back', true, () => write('src/main.rs', 'fn main() {}')],
      ['a new file', true, () => write('src/.hidden', '')],
      ['renamed', true, () => rename(join(folder, 'src/.hidden'), join(folder, 'src/seen'))],
      ['moved', true, () => rename(join(folder, 'src/seen'), join(folder, 'seen'))],
      ['a new folder', true, () => mkdir(join(folder, 'empty'))],
      ['gone', true, () => rm(join(folder, 'seen'))],
      ['the folder gone', true, () => rm(join(folder, 'empty'), { recursive: true })],
    ];
    let before = first;
    for (const [what, changes, step] of steps) {
      await step();
      const after = await tree(scratch);
      assert.is(after !== before, changes, what);
      before = after;
    }
    assert.is(before, first, 'all contents are the same as at first');
  });
});

test('ignored files of git are left out on request, and so are named paths', async () => {
  await withScratch(async (scratch) => {
    const { write } = scratch;
    await write('.git/HEAD', '');
    await write('.gitignore', '/made\n*.log\n');
    await write('kept', '');
    const options = { gitignore: true, ignore: ['target', '.git'] };
    const [plain, asked] = [await tree(scratch), await tree(scratch, options)];
    for (const path of ['made/x', 'deep/y.log', 'target/debug/z', '.git/HEAD']) await write(path, 'x');
    const deep = await tree(scratch, options);
    await write('deep/y.log', 'other');
    await write('target/debug/z', 'other');
    assert.is(await tree(scratch, options), deep);
    assert.is.not(await tree(scratch), plain);
    await write('deep/target', 'only the folder at the top is left out');
    assert.is.not(await tree(scratch, options), deep);
    await rm(join(scratch.folder, 'deep'), { recursive: true });
    assert.is(await tree(scratch, options), asked);
  });
});

test('the digest of a link depends on its text and on its target', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const digest = async (): Promise<Digest | undefined> => (await scratch.reopen()).digests.file(join(folder, 'link'));
    await write('one', 'same');
    await write('two', 'same');
    await mkdir(join(folder, 'deep'));
    const seen: (Digest | undefined)[] = [];
    for (const words of ['one', 'two', 'nowhere', 'deep']) {
      await rm(join(folder, 'link'), { force: true });
      await symlink(words, join(folder, 'link'));
      seen.push(await digest());
    }
    assert.is(new Set(seen).size, 4);
    assert.not(seen.includes(undefined));
    await rm(join(folder, 'link'));
    await symlink('one', join(folder, 'link'));
    assert.is(await digest(), seen[0]);
    await write('one', 'other');
    assert.is.not(await digest(), seen[0]);
  });
});

test('a link to a parent folder does not cause an endless walk', async () => {
  await withScratch(async (scratch) => {
    await scratch.write('deep/file', '');
    await symlink('..', join(scratch.folder, 'deep/up'));
    assert.is(await tree(scratch), await tree(scratch));
  });
});

test('folders whose names are not UTF-8 are walked through links', async () => {
  await withScratch(async (scratch) => {
    await mkdir(join(scratch.folder, 'data'));
    const odd = Buffer.concat([Buffer.from(join(scratch.folder, 'data/a')), Buffer.of(0xff)]);
    await mkdir(odd);
    const file = Buffer.concat([odd, Buffer.from('/file')]);
    await writeFile(file, 'one');
    const digest = async (): Promise<Digest> => (await scratch.reopen()).digests.tree(join(scratch.folder, 'data'), { follow: true });
    const first = await digest();
    await writeFile(file, 'two');
    assert.is.not(await digest(), first);
  });
});

test('a later process does not read an unchanged file again', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a', 'text');
    await settle(scratch);
    const first = await scratch.reopen();
    await first.digests.file(path);
    await first.digests.save();
    // A digest that is planted under the right stamp is returned only if the file is not read.
    const memory = memoryOf(first, path);
    const planted = digestBytes('planted');
    const [, ...lines] = (await readFile(memory, 'utf8')).replace(digestBytes('text'), planted).split('\n');
    await writeFile(memory, `${digestBytes(lines.join('\n'))}\n${lines.join('\n')}`);
    assert.is(await (await scratch.reopen()).digests.file(path), planted);
    await writeFile(path, 'new!');
    assert.is(await (await scratch.reopen()).digests.file(path), digestBytes('new!'), 'same length, other stamp');
  });
});

test('a file that changed just before it was read is not stored', async () => {
  await withScratch(async ({ reopen, write }) => {
    const cache = await reopen();
    const path = await write('a', 'text');
    await cache.digests.file(path);
    await cache.digests.save();
    const memory = await readFile(memoryOf(cache, path), 'utf8').catch(() => '');
    assert.not(memory.includes(path));
  });
});

test('a memory that cannot be read, or a name that would break its lines, only costs time', async () => {
  await withScratch(async (scratch) => {
    const path = await scratch.write('a\tb\nc', 'text');
    const other = await scratch.write('other', 'text');
    await settle(scratch);
    const cache = await scratch.reopen();
    assert.is(await cache.digests.file(path), digestBytes('text'));
    await cache.digests.save();
    assert.is(await (await scratch.reopen()).digests.file(path), digestBytes('text'));
    await cache.digests.file(other);
    await cache.digests.save();
    const memory = memoryOf(cache, path);
    for (const text of [
      'no\tmemory\n\0\n\t\t\n',
      (await readFile(memory, 'utf8')).replaceAll(digestBytes('text'), digestBytes('flipped')),
    ]) {
      await writeFile(memory, text);
      for (const one of [path, other]) assert.is(await (await scratch.reopen()).digests.file(one), digestBytes('text'));
    }
  });
});

test('one process sees one state of a file, and `again` sees its current state and the time of its change', async () => {
  await withScratch(async ({ cache: { digests }, folder, write }) => {
    const path = await write('src/a', 'before');
    await digests.file(path);
    await write('src/a', 'after');
    assert.is(await digests.file(path), digestBytes('before'));
    const again = digests.again();
    assert.is(await again.file(path), digestBytes('after'));
    const edited = again.newestChangeMs();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await rm(path);
    const gone = digests.again();
    assert.is(await gone.file(path), undefined);
    assert.ok(gone.newestChangeMs() > edited, 'for an absent file, the change of its folder counts');
    const whole = digests.again();
    await whole.tree(join(folder, 'src'));
    assert.is(whole.newestChangeMs(), gone.newestChangeMs());
  });
});

test('trees have the same digests with and without a second thread, also when a file changes meanwhile', async () => {
  await withScratch(async (scratch) => {
    const { folder, write, reopen } = scratch;
    const dirs = Array.from({ length: 40 }, (_, index) => join(folder, `crate-${index}`));
    for (const [index, dir] of dirs.entries()) {
      for (const name of ['Cargo.toml', 'src/lib.rs', 'src/deep/er/mod.rs']) await write(`crate-${index}/${name}`, `${name} of ${dir}`);
    }
    await settle(scratch);
    const { digests: alone } = await reopen();
    const { digests: helped } = await reopen();
    // in the order in which projects are planned
    for (let from = 0; from < dirs.length; from += 8) helped.expect(dirs.slice(from, from + 8));
    // the thread has read none, some or all files, and the result must be the same
    await new Promise((resolve) => setTimeout(resolve, 500));
    await write('crate-39/src/lib.rs', 'changed after it was read');
    await symlink('lib.rs', join(folder, 'crate-38/src/link.rs'));
    for (const dir of dirs) assert.is(await helped.tree(dir), await alone.tree(dir), dir);
    assert.is(await helped.file(join(folder, 'crate-39/src/lib.rs')), digestBytes('changed after it was read'));
  });
});

test('a second thread starts although planning read the manifests, and not if the trees were read or their digests are stored', async () => {
  await withScratch(async (scratch) => {
    const { folder, write, reopen } = scratch;
    const dirs = Array.from({ length: 40 }, (_, index) => join(folder, `crate-${index}`));
    for (const index of dirs.keys()) await write(`crate-${index}/Cargo.toml`, '');
    await settle(scratch);
    let threads = 0;
    const count = (): void => {
      threads++;
    };
    process.on('worker', count);
    try {
      const { digests } = await reopen();
      for (const dir of dirs) await digests.file(join(dir, 'Cargo.toml'));
      digests.expect(dirs);
      for (const dir of dirs) await digests.tree(dir);
      await new Promise((resolve) => setImmediate(resolve));
      assert.is(threads, 1);
      await digests.save();
      const alone = (await reopen()).digests;
      for (const dir of dirs) await alone.tree(dir);
      alone.expect(dirs);
      (await reopen()).digests.expect(dirs);
      await new Promise((resolve) => setImmediate(resolve));
      assert.is(threads, 1);
    } finally {
      process.off('worker', count);
    }
  });
});

test.run();
