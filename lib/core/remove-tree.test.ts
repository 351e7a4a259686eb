// Folders that their owner can neither enter nor write, names in bytes, and nesting deeper than one path may be: all of it goes, and nothing else.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asUser } from '../dev/testing/as-user.ts';
import { removeTree } from './remove-tree.ts';
import { TreePaths } from './tree-paths.ts';

function withFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'bloomery-remove-'));
  try {
    use(folder);
  } finally {
    removeTree(folder);
  }
}

test('folders without permissions go, and what links lead to stays', async () => {
  await asUser(import.meta.filename, async () => {
    withFolder((folder) => {
      const outside = join(folder, 'outside');
      mkdirSync(join(folder, 'tree/closed/inner'), { recursive: true });
      mkdirSync(join(folder, 'tree/read-only'));
      mkdirSync(outside);
      for (const path of [join(outside, 'file'), join(folder, 'tree/read-only/file'), join(folder, 'tree/closed/file')])
        writeFileSync(path, 'x');
      symlinkSync(outside, join(folder, 'tree/closed/link'));
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/tree/closed/`), Buffer.from([0xff])]), 'x');
      chmodSync(outside, 0o500);
      for (const [name, mode] of Object.entries({ 'closed/inner': 0, closed: 0, 'read-only': 0o500 }))
        chmodSync(join(folder, 'tree', name), mode);
      assert.throws(() => rmSync(join(folder, 'tree'), { recursive: true }));
      assert.ok(removeTree(join(folder, 'tree')));
      assert.equal(readdirSync(folder), ['outside']);
      assert.is(readFileSync(join(outside, 'file'), 'utf8'), 'x');
    });
  });
});

test('nesting deeper than a path may be long goes', () => {
  withFolder((folder) => {
    const paths = new TreePaths();
    const deep = `${folder}/tree${'/abcdefghi'.repeat(2000)}`;
    paths.makeFolder(deep);
    writeFileSync(paths.at(`${deep}/file`), 'x');
    assert.equal(paths.entries(deep), [{ name: 'file', kind: 'file' }]);
    paths.close();
    assert.ok(removeTree(join(folder, 'tree')));
    assert.equal(readdirSync(folder), []);
  });
});

test('what is not there is gone, and a link is removed itself', () => {
  withFolder((folder) => {
    assert.ok(removeTree(join(folder, 'nothing')));
    symlinkSync('nowhere', join(folder, 'link'));
    assert.ok(removeTree(join(folder, 'link')));
    assert.equal(readdirSync(folder), []);
  });
});

test.run();
