// The watcher of @parcel/watcher: its parameters, and real changes of real files.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { Change } from './news.ts';
import { parcelWatcher, subscribed, watchFailure } from './watcher.ts';

const dir = await mkdtemp(join(tmpdir(), 'watcher-'));
test.after(() => rm(dir, { recursive: true }));

test('trees are watched once, and of folders around single files nothing below', () => {
  const files = ['/pages/a.ts', '/pages/b.ts', '/p/c.ts'];
  const set = { folders: ['/p', '/p/sub', '/q', '/q'], files, excluded: ['/p/target', '/elsewhere', '/q'] };
  assert.equal(subscribed(set), [
    { folder: '/p', ignore: ['**/.git', '/p/target'] },
    { folder: '/q', ignore: ['**/.git'] },
    { folder: '/pages', ignore: ['*/**'] },
  ]);
});

test('the limits of the host are named', () => {
  const words = (message: string): string => {
    const error = watchFailure('/p', new Error(message));
    return error instanceof Failure ? `${error.exitCode} ${error.message} | ${error.hint}` : 'no failure';
  };
  assert.match(
    words("inotify_add_watch on '/p/x' failed: No space left on device"),
    /^69 Cannot watch "\/p": .*fs\.inotify\.max_user_watches/,
  );
  assert.match(words('Unable to initialize inotify: Too many open files'), 'max_user_instances');
  assert.match(words('other'), '69 Cannot watch "/p": watching has failed');
});

test('changes of files are reported, those of excluded folders are not, and after close none is', async () => {
  const [tree, pages] = [join(dir, 'tree'), join(dir, 'pages')];
  for (const folder of ['tree/src', 'tree/target', 'tree/.git', 'pages/below']) await mkdir(join(dir, folder), { recursive: true });
  let seen: string[] = [];
  let wake: () => void = () => undefined;
  const until = async (name: string): Promise<void> => {
    while (!seen.some((path) => path.endsWith(name))) await new Promise<void>((resolve) => (wake = resolve));
  };
  const hear = (changes: readonly Change[]): void => {
    seen.push(...changes.map(({ path }) => path));
    wake();
  };
  const set = { folders: [tree], files: [join(pages, 'a.ts')], excluded: [join(tree, 'target')] };
  const watch = await parcelWatcher(set, hear, (error) => assert.unreachable(String(error)));
  for (const path of ['tree/target/x', 'tree/.git/index', 'pages/below/x', 'pages/a.ts']) await writeFile(join(dir, path), '');
  await until('a.ts');
  await writeFile(join(tree, 'src/main.rs'), '');
  await until('main.rs');
  assert.equal(
    seen.filter((path) => /target|\.git|below/.test(path)),
    [],
  );
  await watch.close();
  seen = [];
  await writeFile(join(tree, 'src/lib.rs'), '');
  const other = await parcelWatcher(set, hear, () => undefined);
  await writeFile(join(tree, 'src/last.rs'), '');
  await until('last.rs');
  await other.close();
});

test('a folder that does not exist is a failure that names it', async () => {
  const set = { folders: [join(dir, 'none')], files: [], excluded: [] };
  const error: unknown = await parcelWatcher(
    set,
    () => undefined,
    () => undefined,
  ).catch((reason: unknown) => reason);
  assert.match(String(error), `Cannot watch "${join(dir, 'none')}"`);
});

test.run();
