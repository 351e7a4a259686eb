// Runs single actions for real: their outputs become artifacts, and no process or file is left, however they
// end.
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { bothSandboxes } from '../dev/testing/sandboxes.ts';
import { asRoot, withSmallDisk } from '../dev/testing/small-disk.ts';
import { places, shellAction } from '../dev/testing/shell-action.ts';
import { openCache } from '../cache/cache.ts';
import { digestBytes } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { run } from '../core/sh.ts';
import type { ActionRecord, ActionResult } from './action.ts';
import { execute } from './execute.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import type { Execution } from './execute.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

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
const leftovers = ({ cache }: Pick<Scratch, 'cache'>): Promise<readonly string[]> => {
  cache.tidy();
  return readdir(cache.tmpDir).then((names) => names.filter((name) => name !== 'tick'));
};

/** Each behaviour holds with and without a sandbox. */
function behaviour(name: string, check: (scratch: Scratch, sandbox: Sandbox) => Promise<void>): void {
  test(name, async () => {
    for (const sandbox of await bothSandboxes()) await withScratch((scratch) => check(scratch, sandbox));
  });
}

behaviour('the files that a command wrote become artifacts: nested, sorted by name, programs marked', async (scratch, sandbox) => {
  await scratch.write('source', 'text');
  const script = `
    mkdir -p $OUT/b/c; cp source $OUT/b/c/copy; echo "#!/bin/sh" > $OUT/a; chmod 755 $OUT/a; mkdir $OUT/empty; : > $OUT/B
    echo said; echo told >&2`;
  const result = resultOf(await executed(scratch, script, sandbox));
  assert.equal(result.artifacts, [
    { kind: 'file', path: 'B', digest: digestBytes(''), sizeBytes: 0, executable: false },
    { kind: 'file', path: 'a', digest: digestBytes('#!/bin/sh\n'), sizeBytes: 10, executable: true },
    { kind: 'file', path: 'b/c/copy', digest: digestBytes('text'), sizeBytes: 4, executable: false },
    { kind: 'folder', path: 'empty' },
  ]);
  assert.equal([result.stdout, result.stderr], ['said\n', 'told\n']);
  assert.is((await scratch.cache.content.read(digestBytes('text')))?.toString(), 'text');
  assert.equal(await leftovers(scratch), []);
});

behaviour('a command that fails leaves nothing in the store and no folder', async (scratch, sandbox) => {
  const failed = await executed(scratch, 'echo half > $OUT/x; echo out; echo why >&2; exit 3', sandbox);
  assert.equal(failed, { ok: false, stdout: 'out\n', stderr: 'why\n', exitCode: 3 });
  assert.equal([await filesBelow(join(scratch.cache.dir, 'content')), await leftovers(scratch)], [[], []]);
});

behaviour('inputs are at their places, read-only, and programs that use them share them', async (scratch, sandbox) => {
  const tool = await scratch.cache.content.putBytes('#!/bin/sh\necho "made by $0"\n');
  const inputs = { [`${places.deps}/tool`]: tool, '/bloomery/build/x/deep/data': await scratch.cache.content.putBytes('data') };
  const { stdout } = resultOf(
    await executed(scratch, '$TOOL; cat $DATA', sandbox, {
      inputs,
      env: { TOOL: `${places.deps}/tool`, DATA: '/bloomery/build/x/deep/data' },
    }),
  );
  assert.is(stdout, `made by ${places.deps}/tool\ndata`);
});

behaviour('the output folder may be next to inputs', async (scratch, sandbox) => {
  const inputs = { '/bloomery/build/x/script': await scratch.cache.content.putBytes('text') };
  const more = { inputs, outputDir: '/bloomery/build/x/out', env: { OUT: '/bloomery/build/x/out', IN: '/bloomery/build/x/script' } };
  assert.equal(
    resultOf(await executed(scratch, 'cp $IN $OUT/copy', sandbox, more)).artifacts.map(({ path }) => path),
    ['copy'],
  );
});

behaviour('a damaged input is reported before anything runs', async (scratch, sandbox) => {
  const digest = await scratch.cache.content.putBytes('whole');
  await chmod(scratch.blob(digest), 0o755);
  await writeFile(scratch.blob(digest), 'broken');
  const fresh = await scratch.reopen();
  const action = shellAction('echo ran >&2', scratch.folder, sandbox, { inputs: { [`${places.deps}/x`]: digest } });
  const error: unknown = await execute(action, sandbox, fresh, scratch.context).catch((reason: unknown) => reason);
  assert.instance(error, DamagedBlob);
  assert.is((error as DamagedBlob).message, `blob ${digest} is damaged`);
  assert.equal([scratch.repaired(), await leftovers({ cache: fresh })], [[digest], []]);
});

behaviour('an abort ends the command and removes its folder', async (scratch, sandbox) => {
  const abort = new AbortController();
  const ready = join(scratch.folder, 'ready');
  assert.is((await run(['mkfifo', ready], { cwd: '/', env: {} })).exitCode, 0);
  const running = execute(shellAction('echo x > ready; sleep 1000', scratch.folder, sandbox), sandbox, scratch.cache, {
    ...scratch.context,
    signal: abort.signal,
  });
  await run(['cat', ready], { cwd: '/', env: {} });
  abort.abort(new Error('enough'));
  assert.is(await running.catch((error: unknown) => (error as Error).message), 'enough');
  assert.equal(await leftovers(scratch), []);
});

test('without a sandbox a result that mentions a path of the host is not shareable, and messages contain places instead of paths', async () => {
  await withScratch(async (scratch) => {
    for (const sandbox of await bothSandboxes()) {
      const named = await executed(scratch, 'echo "in $WORK/src"; head -c 1048570 /dev/zero > $OUT/x; echo $WORK >> $OUT/x', sandbox);
      const plain = await executed(scratch, 'echo nothing > $OUT/x', sandbox);
      assert.equal([named.ok && named.shareable, plain.ok && plain.shareable], [sandbox.kind === 'bubblewrap', true]);
      assert.is(resultOf(named).stdout, `in ${places.work}/src\n`);
    }
  });
});

test("a full disk is the host's fault, and the cache works again when there is space", async () => {
  await asRoot(import.meta.filename, async () => {
    for (const sandbox of await bothSandboxes()) {
      await withSmallDisk(async (dir) => {
        const context = { signal: new AbortController().signal, report: () => undefined };
        const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
        const source = join(dir, 'source');
        await mkdir(source);
        const error: unknown = await execute(
          shellAction('head -c 40000000 /dev/zero > $OUT/x', source, sandbox),
          sandbox,
          cache,
          context,
        ).catch((reason: unknown) => reason);
        assert.instance(error, Failure, String(error));
        assert.equal([(error as Failure).exitCode, (error as Failure).message], [69, 'Cannot build script: no space left on the device']);
        assert.match((error as Failure).hint ?? '', /--cache DIR/);
        assert.equal([await filesBelow(join(cache.dir, 'content')), await leftovers({ cache })], [[], []]);
        assert.equal(
          resultOf(await execute(shellAction('echo x > $OUT/x', source, sandbox), sandbox, cache, context)).artifacts.map(
            ({ path }) => path,
          ),
          ['x'],
        );
        await writeFile(join(dir, 'filler'), Buffer.alloc(20_000_000)).catch(() => undefined);
        const full: unknown = await cache.content.putBytes(Buffer.alloc(100_000)).catch((reason: unknown) => reason);
        assert.is((full as NodeJS.ErrnoException).code, 'ENOSPC');
        await rm(join(dir, 'filler'));
        assert.ok(await cache.content.holds(await cache.content.putBytes(Buffer.alloc(100_000))));
      });
    }
  });
});

test.run();
