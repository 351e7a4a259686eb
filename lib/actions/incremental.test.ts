// Each run of a compiler has its own copy of the incremental state, and only a run that succeeds keeps it.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bothSandboxes } from '../dev/testing/sandboxes.ts';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import { shellAction } from '../dev/testing/shell-action.ts';
import { execute } from './execute.ts';
import { copyState, keepState } from './stage.ts';

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-incremental-'));
  try {
    await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

test('a copy has links to the files of all sessions, and lock files of its own', () =>
  withFolder(async (dir) => {
    const kept = join(dir, 'kept');
    await mkdir(join(kept, 'crate-1/s-1'), { recursive: true });
    await writeFile(join(kept, 'crate-1/s-1/a.o'), 'object');
    await writeFile(join(kept, 'crate-1/s-1.lock'), '');
    copyState(kept, join(dir, 'copy'));
    assert.equal(await filesBelow(join(dir, 'copy')), ['crate-1/s-1.lock', 'crate-1/s-1/a.o']);
    const inode = async (path: string): Promise<number> => (await stat(join(dir, path))).ino;
    assert.is(await inode('copy/crate-1/s-1/a.o'), await inode('kept/crate-1/s-1/a.o'));
    assert.is.not(await inode('copy/crate-1/s-1.lock'), await inode('kept/crate-1/s-1.lock'));
  }));

test('of several sessions of a crate only the newest that has ended is copied', () =>
  withFolder(async (dir) => {
    const sessions = ['s-zzzz-1-abc', 's-10000-1-abc', 's-10000-2-def', 's-20000-1-working'];
    for (const session of sessions) {
      await mkdir(join(dir, 'kept/crate-1', session), { recursive: true });
      await writeFile(join(dir, 'kept/crate-1', session, 'a.o'), session);
      await writeFile(join(dir, `kept/crate-1/${session.slice(0, session.lastIndexOf('-'))}.lock`), '');
    }
    await writeFile(join(dir, 'kept/crate-1/other'), '');
    copyState(join(dir, 'kept'), join(dir, 'copy'));
    assert.equal(await filesBelow(join(dir, 'copy')), ['crate-1/other', 'crate-1/s-10000-2-def/a.o', 'crate-1/s-10000-2.lock']);
  }));

test('without a kept state the copy is an empty folder, and a link in its place is not followed', () =>
  withFolder(async (dir) => {
    copyState(join(dir, 'absent'), join(dir, 'one'));
    await mkdir(join(dir, 'private'));
    await writeFile(join(dir, 'private/key'), 'secret');
    await symlink('private', join(dir, 'linked'));
    copyState(join(dir, 'linked'), join(dir, 'two'));
    assert.equal([await readdir(join(dir, 'one')), await readdir(join(dir, 'two'))], [[], []]);
    keepState(join(dir, 'linked'), join(dir, 'kept'));
    assert.not.ok((await readdir(dir)).includes('kept'));
  }));

test('links, deep folders and other entries that a macro created are left out', () =>
  withFolder(async (dir) => {
    await mkdir(join(dir, 'kept/1/2/3/4'), { recursive: true });
    for (const path of ['1/file', '1/2/file', '1/2/3/file']) await writeFile(join(dir, 'kept', path), 'x');
    await symlink('/etc/passwd', join(dir, 'kept/1/link'));
    copyState(join(dir, 'kept'), join(dir, 'copy'));
    assert.equal(await filesBelow(join(dir, 'copy')), ['1/2/file', '1/file']);
  }));

test('a run that succeeds keeps its state for the next run; one that fails leaves it as it was; it is no output', async () => {
  for (const sandbox of await bothSandboxes()) {
    await withScratch(async (scratch) => {
      const incremental = join(scratch.folder, '../kept');
      const ran = async (script: string): Promise<readonly string[] | undefined> => {
        const action = { ...shellAction(script, scratch.folder, sandbox), incremental };
        const execution = await execute(action, sandbox, scratch.cache, scratch.context);
        return execution.ok ? execution.result.artifacts.map(({ path }) => path) : undefined;
      };
      const state = (): Promise<string> => readFile(join(incremental, 'crate/state'), 'utf8');
      assert.equal(await ran('ls $OUT/incremental; mkdir $OUT/incremental/crate; echo 1 >$OUT/incremental/crate/state; : >$OUT/x'), ['x']);
      assert.is(await state(), '1\n');
      const next = 'cd $OUT/incremental/crate; test "$(cat state)" = 1; rm state; echo 2 >state';
      assert.is(await ran(`${next}; exit 1`), undefined);
      assert.is(await state(), '1\n');
      assert.equal(await ran(next), []);
      assert.is(await state(), '2\n');
      const folders = async (): Promise<readonly string[]> =>
        (await readdir(join(incremental, '..'))).filter((name) => name.startsWith('kept')).sort();
      assert.equal(await folders(), ['kept', 'kept.before']);
      assert.equal(await ran('rm -r $OUT/incremental'), []);
      assert.is(await state(), '2\n');
      assert.equal(await folders(), ['kept'], 'a run removes what the last one has replaced');
      scratch.cache.tidy();
      assert.equal(
        (await readdir(scratch.cache.tmpDir)).filter((name) => name !== 'tick'),
        [],
      );
    });
  }
});

test('an output that shares its file with the state is stored as a copy', () =>
  withScratch(async (scratch) => {
    for (const sandbox of await bothSandboxes()) {
      const incremental = join(scratch.folder, '../kept');
      const script = 'echo object >$OUT/incremental/a.o; ln $OUT/incremental/a.o $OUT/a.o';
      const execution = await execute(
        { ...shellAction(script, scratch.folder, sandbox), incremental },
        sandbox,
        scratch.cache,
        scratch.context,
      );
      assert.ok(execution.ok);
      const [artifact] = execution.ok ? execution.result.artifacts : [];
      assert.ok(artifact?.kind === 'file');
      const blob = artifact?.kind === 'file' ? scratch.blob(artifact.digest) : '';
      assert.is.not((await stat(blob)).ino, (await stat(join(incremental, 'a.o'))).ino);
    }
  }));

test.run();
