// Tests the output folder of a command with files of every kind, name, depth and permission, and how the next
// action sees them.
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActionRecord, ActionResult, Artifact, FileArtifact } from './action.ts';
import { collectOutputs, watchEarly, withoutAnnouncements } from './output-folder.ts';
import { execute } from './execute.ts';
import type { Execution } from './execute.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { digestBytes } from '../core/digest.ts';
import { run } from '../core/sh.ts';
import { asUser } from '../dev/testing/as-user.ts';
import { bothSandboxes } from '../dev/testing/sandboxes.ts';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { places, shellAction } from '../dev/testing/shell-action.ts';

async function executed(
  { folder, cache, context }: Scratch,
  script: string,
  sandbox: Sandbox,
  more: Partial<ActionRecord> = {},
): Promise<Execution> {
  return execute(shellAction(script, folder, sandbox, more), sandbox, cache, context);
}

function resultOf(execution: Execution): ActionResult {
  assert.ok(execution.ok, JSON.stringify(execution));
  return (execution as Extract<Execution, { ok: true }>).result;
}

/** What is left of unfinished work. */
const leftovers = async ({ cache }: Scratch): Promise<readonly string[]> => {
  cache.tidy();
  return (await readdir(cache.tmpDir)).filter((name) => name !== 'tick');
};

/** Each behaviour holds with and without a sandbox. */
function behaviour(name: string, check: (scratch: Scratch, sandbox: Sandbox) => Promise<void>): void {
  test(name, async () => {
    for (const sandbox of await bothSandboxes()) await withScratch((scratch) => check(scratch, sandbox));
  });
}

/** Links of every kind, and two files. */
const links = `
  mkdir $OUT/d; echo one > $OUT/m; echo two > $OUT/d/n; chmod 755 $OUT/m
  ln -s m $OUT/a; ln -s ../m $OUT/d/z; ln -s a $OUT/chain; ln -s d/n $OUT/zz; ln -s $OUT/m $OUT/own
  ln -s $WORK/outside $OUT/out; ln -s d $OUT/folder; ln -s nowhere $OUT/dangling; ln -s loop $OUT/loop; ln -s /bin/sh $OUT/host; mkfifo $OUT/fifo`;
const [one, two] = [digestBytes('one\n'), digestBytes('two\n')];

behaviour('links of a script keep their targets unchanged', async (scratch, sandbox) => {
  await scratch.write('outside', 'secret');
  const { artifacts } = resultOf(await executed(scratch, links, sandbox));
  assert.equal(
    artifacts.map((artifact) => [artifact.path, artifact.kind === 'link' ? artifact.target : artifact.kind]),
    [
      ['a', 'm'],
      ['chain', 'a'],
      ['d/n', 'file'],
      ['d/z', '../m'],
      ['dangling', 'nowhere'],
      ['folder', 'd'],
      ['host', '/bin/sh'],
      ['loop', 'loop'],
      ['m', 'file'],
      ['out', `${places.work}/outside`],
      ['own', `${places.out}/m`],
      ['zz', 'd/n'],
    ],
  );
  assert.equal((await filesBelow(join(scratch.cache.dir, 'content'))).length, 2);
});

behaviour('for a compilation a link to a file of its folder is that file, and other links are left out', async (scratch, sandbox) => {
  await scratch.write('outside', 'secret');
  const { artifacts } = resultOf(await executed(scratch, links, sandbox, { kind: 'rustc', argv: ['/bin/sh', '-ec', links, 'sh'] }));
  assert.equal(
    artifacts.map((artifact) => artifact.kind === 'file' && [artifact.path, artifact.digest, artifact.executable]),
    [
      ['a', one, true],
      ['chain', one, true],
      ['d/n', two, false],
      ['d/z', one, true],
      ['m', one, true],
      ['zz', two, false],
    ],
  );
});

behaviour('names that are not UTF-8, and nesting deeper than the longest path, are stored unchanged', async (scratch, sandbox) => {
  const script = `
    cd $OUT; b=$(printf '\\377'); mkdir "d$b"; echo odd > "d$b/f$b"; ln -s "f$b" "d$b/l"; mkdir "d$b/e$b"
    mkdir -p $(for i in $(seq 250); do printf abcdefghijklmnopqrstuvwxyz/; done)last; find . -name last -execdir sh -c 'echo deep > last/file' ';'`;
  const { artifacts } = resultOf(await executed(scratch, script, sandbox));
  const deep = `${'abcdefghijklmnopqrstuvwxyz/'.repeat(250)}last/file`;
  const [odd, ownWords] = [digestBytes('odd\n'), digestBytes('deep\n')];
  assert.equal(artifacts, [
    { kind: 'file', path: deep, digest: ownWords, sizeBytes: 5, executable: false },
    { kind: 'folder', path: 'd\udcff/e\udcff' },
    { kind: 'file', path: 'd\udcff/f\udcff', digest: odd, sizeBytes: 4, executable: false },
    { kind: 'link', path: 'd\udcff/l', target: 'f\udcff' },
  ]);
  const at = '/bloomery/build/x/out';
  const staged = await executed(
    scratch,
    `cd $IN; b=$(printf '\\377'); cat "d$b/l" "d$b/f$b"; ls -d "d$b/e$b" | od -An -c | tr -d ' '
     find . -name file -execdir cat {} ';'`,
    sandbox,
    {
      inputs: { [`${at}/d\udcff/f\udcff`]: odd, [`${at}/${deep}`]: ownWords },
      layout: { [`${at}/d\udcff/l`]: 'link f\udcff', [`${at}/d\udcff/e\udcff`]: 'folder' },
      env: { IN: at },
    },
  );
  assert.is(resultOf(staged).stdout, 'odd\nodd\nd377/e377\\n\ndeep\n');
  assert.equal(await leftovers(scratch), []);
});

behaviour(
  'what another script left is staged as it was: empty folders, links to folders and files, permissions',
  async (scratch, sandbox) => {
    const at = '/bloomery/build/x/out';
    const [tool, text] = [await scratch.cache.content.putBytes('#!/bin/sh\necho ran\n'), await scratch.cache.content.putBytes('text')];
    const inputs = { [`${at}/bin/tool`]: tool, [`${at}/v1/text`]: text, [`${at}/large`]: text };
    const layout = {
      [`${at}/bin/tool`]: 'program',
      [`${at}/v1/text`]: 'data',
      [`${at}/current`]: 'link v1',
      [`${at}/absolute`]: `link ${at}/v1/text`,
      [`${at}/loop`]: 'link loop',
      [`${at}/secret`]: 'link /etc/shadow',
      [`${at}/empty`]: 'folder',
      '/bloomery/build/y/out': 'folder',
    } as const;
    const script = `
    cd $IN; ls empty ../../y/out | sort; cat current/text absolute; bin/tool; readlink loop secret
    cp -p v1/text $OUT/text; echo more >> $OUT/text; cat $OUT/text; stat -c %a v1/text bin/tool large`;
    const { stdout } = resultOf(await executed(scratch, script, sandbox, { inputs, layout, env: { IN: at } }));
    assert.is(stdout, '\n../../y/out:\nempty:\ntexttextran\nloop\n/etc/shadow\ntextmore\n644\n755\n555\n');
    assert.is((await scratch.cache.content.read(text))?.toString(), 'text', 'the blob is not what was written to');
  },
);

test('files without permissions are read and removed anyway, and the cache can be opened again', async () => {
  await asUser(import.meta.filename, async () => {
    for (const sandbox of await bothSandboxes()) {
      await withScratch(async (scratch) => {
        const script = `
          mkdir $OUT/closed $OUT/fixed $OUT/none; echo a > $OUT/closed/a; echo b > $OUT/fixed/b; echo c > $OUT/c
          chmod 000 $OUT/closed $OUT/c $OUT/none; chmod 555 $OUT/fixed; chmod 000 $OUT`;
        const { artifacts } = resultOf(await executed(scratch, script, sandbox));
        assert.equal(
          artifacts.map(({ path }) => path),
          ['c', 'closed/a', 'fixed/b', 'none'],
        );
        const failed = await executed(scratch, `${script}; exit 3`, sandbox);
        assert.not(failed.ok);
        assert.equal(await leftovers(scratch), []);
        await scratch.cache.content.putBytes('x');
        await (await scratch.reopen()).close();
      });
    }
  });
});

const line = (path: string): string => `{"$message_type":"artifact","artifact":"/bloomery/out/${path}","emit":"metadata"}\n`;

test('the file is taken when its line is complete, once, and only it', async () => {
  await withScratch(async ({ cache }) => {
    const { tmpDir, content } = cache;
    const outDir = join(tmpDir, 'action/out');
    await mkdir(outDir, { recursive: true });
    await writeFile(join(outDir, 'libx-1.rmeta'), 'metadata');
    const taken: Artifact[] = [];
    const watch = watchEarly({ path: 'libx-1.rmeta', there: (artifact) => taken.push(artifact) }, outDir, cache);
    for (const letter of `${line('liby-1.rmeta')}{"rendered":"libx-1.rmeta"}\n${line('libx-1.rmeta').trimEnd()}`) watch.hear(letter);
    await watch.settled();
    assert.equal(taken, []);
    watch.hear(`\n${line('libx-1.rmeta')}`);
    await watch.settled();
    const digest = digestBytes('metadata');
    assert.equal(taken, [{ kind: 'file', path: 'libx-1.rmeta', digest, sizeBytes: 8, executable: false }]);
    assert.is((await content.read(digest))?.toString(), 'metadata');
  });
});

test('a large announced file is hashed before the command ends, and again if it is written after that', async () => {
  for (const isWritten of [false, true]) {
    await withScratch(async ({ cache }) => {
      const outDir = join(cache.tmpDir, 'action/out');
      await mkdir(outDir, { recursive: true });
      const bytes = Buffer.alloc(3 << 20);
      await writeFile(join(outDir, 'program'), bytes, { mode: 0o755 });
      const watch = watchEarly(undefined, outDir, cache);
      watch.hear(line('program'));
      const [taken] = (await watch.settled()).values();
      assert.ok(taken);
      const artifact: FileArtifact = {
        kind: 'file',
        path: 'program',
        digest: digestBytes(bytes),
        sizeBytes: bytes.length,
        executable: true,
      };
      assert.equal([taken?.artifact, taken?.isStored], [artifact, false]);
      bytes.write('x');
      if (isWritten) await writeFile(join(outDir, 'program'), bytes);
      // With another digest it is visible whether the file is read again.
      const other = { ...artifact, digest: digestBytes('other') };
      const known = new Map(taken ? [['program', { ...taken, artifact: other }]] : []);
      const rest = { spare: join(cache.tmpDir, 'spare'), target: String, hostPaths: [], shared: new Set<string>(), mayLend: false };
      const { artifacts } = await collectOutputs({ dir: outDir, taken: known, ...rest }, cache);
      assert.equal(artifacts, [isWritten ? { ...artifact, digest: digestBytes(bytes) } : other]);
    });
  }
});

test('an announced path that is absent, a link, a pipe, a folder or unreadable is not a pipelined artifact', async () => {
  await withScratch(async ({ cache, folder, write }) => {
    const outDir = join(cache.tmpDir, 'action/out');
    await mkdir(outDir, { recursive: true });
    const secret = await write('secret', 'secret');
    await symlink(secret, join(outDir, 'link'));
    await symlink('loop', join(outDir, 'loop'));
    await mkdir(join(outDir, 'folder'));
    assert.is((await run(['mkfifo', 'pipe'], { cwd: outDir, env: {} })).exitCode, 0);
    for (const path of ['absent', 'link', 'loop', 'folder', 'pipe']) {
      const watch = watchEarly({ path, there: () => assert.unreachable(path) }, outDir, cache);
      watch.hear(line(path));
      assert.is((await watch.settled()).size, 0, path);
    }
    assert.equal(await filesBelow(join(cache.dir, 'content')), []);
    assert.equal(await readdir(folder), ['secret']);
  });
});

test('announcements are not part of the output of a command', () => {
  assert.is(withoutAnnouncements(`a\n${line('x')}b\n`), 'a\nb\n');
});

test.run();
