// Reports of changes, of real files.
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { News } from './news.ts';

const dir = await mkdtemp(join(tmpdir(), 'news-'));
test.after(() => rm(dir, { recursive: true }));
const [file, temporary] = [join(dir, 'main.rs'), join(dir, 'main.rs.new')];
const changed = (path: string, created = false): { readonly path: string; readonly created: boolean } => ({ path, created });

test('a change is news once, and the next one again', async () => {
  const news = new News();
  await writeFile(file, 'one');
  assert.equal(news.of([changed(file, true)]), [file]);
  assert.equal(news.of([changed(file)]), []);
  await writeFile(file, 'two and more');
  assert.equal(news.of([changed(file), changed(file)]), [file]);
  await chmod(file, 0o755);
  assert.equal(news.of([changed(file)]), [file]);
  await rm(file);
  assert.equal(news.of([changed(file)]), [file]);
  assert.equal(news.of([changed(file)]), []);
});

test('a temporary file that was renamed is not reported, and the file with the new name is', async () => {
  const news = new News();
  await writeFile(temporary, 'three');
  await rename(temporary, file);
  assert.equal(news.of([changed(temporary, true), changed(file)]), [file]);
});

test('a file that disappears is reported', () => {
  assert.equal(new News().of([changed(join(dir, 'gone.rs'))]), [join(dir, 'gone.rs')]);
});

test.run();
