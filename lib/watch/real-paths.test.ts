// Links to folders that are watched.
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { realSet } from './real-paths.ts';

const dir = await realpath(await mkdtemp(join(tmpdir(), 'real-paths-')));
test.after(() => rm(dir, { recursive: true }));

test('links are followed, also in the parents of missing paths', async () => {
  await mkdir(join(dir, 'there'));
  await writeFile(join(dir, 'there/page.ts'), '');
  await symlink('there', join(dir, 'link'));
  const set = { folders: [join(dir, 'link')], files: [join(dir, 'link/page.ts')], excluded: [join(dir, 'link/target/deep'), '/nothing'] };
  assert.equal(realSet(set), {
    folders: [join(dir, 'there')],
    files: [join(dir, 'there/page.ts')],
    excluded: [join(dir, 'there/target/deep'), '/nothing'],
  });
});

test.run();
