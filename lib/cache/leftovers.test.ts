// Folders of finished work are removed in turns, or at once when the cache is closed.
import { readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Leftovers } from './postponed.ts';

async function withFolders(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-leftovers-'));
  try {
    for (const folder of ['one/deep/er', 'two', 'kept']) await mkdir(join(dir, folder), { recursive: true });
    for (let serial = 0; serial < 3000; serial++) await writeFile(join(dir, 'one/deep', `${serial}`), '');
    await writeFile(join(dir, 'one/large'), Buffer.alloc(3 << 20));
    await writeFile(join(dir, 'kept/file'), '');
    await symlink('../kept', join(dir, 'two/link'));
    await writeFile(Buffer.concat([Buffer.from(`${dir}/two/`), Buffer.of(0xff)]), '');
    await chmod(join(dir, 'two'), 0);
    await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Synchronous, so that nothing is removed meanwhile. */
const content = (dir: string): readonly string[] => readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();

test('folders are removed while the process does other work, in several turns; links are not followed', () =>
  withFolders(async (dir) => {
    const leftovers = new Leftovers();
    leftovers.add(join(dir, 'one'));
    leftovers.add(join(dir, 'two'));
    const sizes: number[] = [];
    while (readdirSync(dir).length > 1) {
      sizes.push(content(dir).length);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(new Set(sizes).size > 3, `it was removed in ${new Set(sizes).size} turns`);
    assert.equal(content(dir), ['kept', 'kept/file']);
  }));

test('all folders are removed at once, also those of which a part is gone', () =>
  withFolders(async (dir) => {
    const leftovers = new Leftovers();
    leftovers.add(join(dir, 'one'));
    while (readdirSync(join(dir, 'one/deep')).length > 2900) await new Promise((resolve) => setTimeout(resolve, 1));
    leftovers.add(join(dir, 'two'));
    leftovers.removeAll();
    assert.equal(content(dir), ['kept', 'kept/file']);
    leftovers.add(join(dir, 'absent'));
    leftovers.removeAll();
  }));

test.run();
