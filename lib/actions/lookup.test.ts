// Which actions are hits and which are misses. Every case is a real command over real sources, in two
// separate runs.
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { bothSandboxes, bubblewrap } from '../dev/testing/sandboxes.ts';
import { jobOf, places, shellAction } from '../dev/testing/shell-action.ts';
import { run } from '../core/sh.ts';
import { filesOfResult } from './action.ts';
import { openActionCache } from './lookup.ts';
import type { ActionCache, Job } from './lookup.ts';
import { allOf, digestOfPlace, namesOf, packageOf, repositoryOf } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** Starts a new run: only the contents of the cache directory are known. */
async function actionsOf({ reopen }: Scratch): Promise<ActionCache> {
  return openActionCache(await reopen());
}

const isHit = async (scratch: Scratch, job: Job): Promise<boolean> => (await (await actionsOf(scratch)).lookUp(job)) !== undefined;

/** A file counts as settled when the file system's clock has advanced. Results over other files are not cached. */
const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30));

/** Looks the job up in a new run and executes a miss. */
async function built(scratch: Scratch, job: Job, sandbox: Sandbox): Promise<'hit' | 'built'> {
  const actions = await actionsOf(scratch);
  if (await actions.lookUp(job)) return 'hit';
  await settle();
  const made = await actions.make(job, sandbox, scratch.context);
  assert.ok(made.ok, JSON.stringify(made));
  return 'built';
}

test('an executed action is a hit from then on, with the same key and result', async () => {
  for (const sandbox of await bothSandboxes()) {
    await withScratch(async (scratch) => {
      await scratch.write('a', 'text');
      const job = jobOf(shellAction('cp a $OUT/copy; echo said', scratch.folder, sandbox), ['a']);
      await settle();
      const made = await (await actionsOf(scratch)).make(job, sandbox, scratch.context);
      const hit = await (await actionsOf(scratch)).lookUp(job);
      assert.ok(made.ok && hit);
      assert.equal({ ok: true, ...hit }, made);
    });
  }
});

test('a read file causes a miss when it changes, disappears or appears; switching back is a hit again', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('a', 'one');
    await write('unread', 'x');
    const job = jobOf(shellAction('cat a > $OUT/x; [ ! -e later ] || cat later >> $OUT/x', folder, sandbox), ['a', 'later']);
    const steps: readonly (readonly [string, () => Promise<unknown>, 'hit' | 'built'])[] = [
      ['the first time', async () => undefined, 'built'],
      ['unread file edited', () => write('unread', 'y'), 'hit'],
      ['edited', () => write('a', 'two'), 'built'],
      ['back', () => write('a', 'one'), 'hit'],
      ['forth', () => write('a', 'two'), 'hit'],
      ['an absent one turns up', () => write('later', ''), 'built'],
      ['and goes', () => rm(join(folder, 'later')), 'hit'],
      [
        'replaced by a link to the same bytes',
        () => rename(join(folder, 'a'), join(folder, 'b')).then(() => symlink('b', join(folder, 'a'))),
        'built',
      ],
    ];
    for (const [what, step, expected] of steps) {
      await step();
      assert.is(await built(scratch, job, sandbox), expected, what);
    }
  });
});

test('results of branches that read different files are both cached', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const action = shellAction('cat $(cat main) > $OUT/x', folder, sandbox);
    const read = async (): Promise<readonly string[]> =>
      ['main', await readFile(join(folder, 'main'), 'utf8')].map((file) => `${places.work}/${file}`);
    const job: Job = { action, declaredEnv: {}, discover: async () => ({ files: await read(), variables: [] }) };
    await write('a', '1');
    await write('b', '2');
    for (const [main, expected] of [
      ['a', 'built'],
      ['b', 'built'],
      ['a', 'hit'],
      ['b', 'hit'],
    ] as const) {
      await write('main', main);
      assert.is(await built(scratch, job, sandbox), expected, main);
    }
  });
});

test('a read folder causes a miss when a file in it appears, changes or disappears, but not for ignored files', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('src/a', 'a');
    await write('.git/HEAD', '');
    await write('src/.gitignore', '*.log\n');
    const job = jobOf(shellAction('find src -type f | xargs cat > $OUT/x', folder, sandbox), ['src//repository']);
    const steps: readonly (readonly [string, () => Promise<unknown>, 'hit' | 'built'])[] = [
      ['the first time', async () => undefined, 'built'],
      ['ignored', () => write('src/x.log', ''), 'hit'],
      ['next to it', () => write('other', ''), 'hit'],
      ['new', () => write('src/deep/b', 'b'), 'built'],
      ['edited', () => write('src/deep/b', 'c'), 'built'],
      ['gone', () => rm(join(folder, 'src/deep'), { recursive: true }), 'hit'],
    ];
    for (const [what, step, expected] of steps) {
      await step();
      assert.is(await built(scratch, job, sandbox), expected, what);
    }
  });
});

test('each aspect of a folder covers exactly the files that it names', async () => {
  await withScratch(async ({ folder, write, reopen }) => {
    await write('.gitignore', '*.log\n');
    await write('src/a', 'a');
    await write('inner/Cargo.toml', '');
    await mkdir(join(folder, 'linked'));
    await write('elsewhere/x', '1');
    await symlink('../elsewhere', join(folder, 'linked/out'));
    await symlink('..', join(folder, 'linked/up'));
    const mounts = { [places.work]: folder };
    const aspects = [namesOf(places.work), allOf(`${places.work}/linked`), packageOf(places.work), repositoryOf(places.work), places.work];
    const digests = async (): Promise<readonly (string | null)[]> => {
      const cache = await reopen();
      return Promise.all(aspects.map((place) => digestOfPlace(place, mounts, cache)));
    };
    const steps: readonly (readonly [what: string, step: () => Promise<unknown>, changed: readonly string[]])[] = [
      ['a file below', () => write('src/a', 'b'), ['all', 'package', 'repository']],
      ['through a link', () => write('elsewhere/x', '2'), ['all', 'package', 'repository']],
      ['in a package of its own', () => write('inner/lib.rs', ''), ['all', 'repository']],
      ['in the target folder', () => write('target/x', ''), ['names', 'all']],
      ['what git would ignore, outside of a repository', () => write('src/x.log', ''), ['all', 'package', 'repository']],
      ['a repository begins', () => write('.git/HEAD', ''), ['names', 'all', 'package', 'repository']],
      ['what git ignores', () => write('src/x.log', 'x'), ['all']],
    ];
    for (const [what, step, changed] of steps) {
      const before = await digests();
      await step();
      const after = await digests();
      const names = ['names', 'all', 'package', 'repository', 'file'];
      assert.equal(
        names.filter((_, at) => before[at] !== after[at]),
        changed,
        what,
      );
    }
    assert.is(await digestOfPlace(`${places.work}/none`, mounts, await reopen()), null);
    assert.is(await digestOfPlace(allOf(`${places.work}/none/`), mounts, await reopen()), null);
  });
});

test('of declared variables those count that were read, and the command sees all', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const job = (declared: Record<string, string>): Job =>
      jobOf(shellAction('echo "$READ $UNREAD" > $OUT/x', scratch.folder, sandbox), [], declared, ['READ']);
    assert.is(await built(scratch, job({ READ: '1', UNREAD: '2' }), sandbox), 'built');
    const hit = await (await actionsOf(scratch)).lookUp(job({ READ: '1', UNREAD: 'other' }));
    const [artifact] = hit ? filesOfResult(hit.result) : [];
    assert.ok(artifact);
    assert.is(artifact && (await scratch.cache.content.read(artifact.digest))?.toString(), '1 2\n');
    assert.is(await built(scratch, job({ READ: '1' }), sandbox), 'hit');
    assert.is(await built(scratch, job({ READ: '2' }), sandbox), 'built');
    assert.is(await built(scratch, job({}), sandbox), 'built');
  });
});

test('data without influence on the result are in no key', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const job = (jobs: string): Job => {
      const action = shellAction('echo $NUM_JOBS >&2; echo x > $OUT/x', scratch.folder, sandbox);
      return jobOf({ ...action, label: `with ${jobs}`, ambientEnv: { NUM_JOBS: jobs } });
    };
    assert.is(await built(scratch, job('1'), sandbox), 'built');
    assert.is(await built(scratch, job('8'), sandbox), 'hit');
  });
});

test('another checkout with the same bytes is a hit; a result without a sandbox is not used for an action in a sandbox', async () => {
  const [sandbox, bare] = [await bubblewrap(), { kind: 'none' } as const];
  await withScratch(async (scratch) => {
    for (const checkout of ['one', 'two']) await scratch.write(`${checkout}/a`, 'text');
    const job = (checkout: string, kind: Sandbox): Job =>
      jobOf(shellAction('cp a $OUT/x; echo $WORK >> $OUT/x', join(scratch.folder, checkout), kind), ['a']);
    assert.is(await built(scratch, job('one', sandbox), sandbox), 'built');
    assert.is(await built(scratch, job('two', sandbox), sandbox), 'hit');
    assert.not(await isHit(scratch, job('one', bare)));
  });
});

test('without a sandbox a result that contains a path of this host is not cached', async () => {
  const bare: Sandbox = { kind: 'none' };
  await withScratch(async (scratch) => {
    const naming = jobOf(shellAction('echo $WORK > $OUT/x', scratch.folder, bare));
    assert.equal([await built(scratch, naming, bare), await isHit(scratch, naming)], ['built', false]);
    const plain = jobOf(shellAction('echo x > $OUT/x', scratch.folder, bare));
    assert.equal([await built(scratch, plain, bare), await isHit(scratch, plain)], ['built', true]);
  });
});

test('a failure is not cached', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const job = jobOf(shellAction('echo half > $OUT/x; exit 3', scratch.folder, sandbox));
    const made = await (await actionsOf(scratch)).make(job, sandbox, scratch.context);
    assert.equal([made.ok, await isHit(scratch, job), await filesBelow(join(scratch.cache.dir, 'actions'))], [false, false, []]);
  });
});

test('a result whose artifact is gone is a miss', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const job = jobOf(shellAction('echo x > $OUT/x; echo y > $OUT/y', scratch.folder, sandbox));
    const made = await (await actionsOf(scratch)).make(job, sandbox, scratch.context);
    assert.ok(made.ok && (await isHit(scratch, job)));
    await rm(scratch.blob((made.ok && filesOfResult(made.result)[1]?.digest) || ('' as never)));
    assert.is(await built(scratch, job, sandbox), 'built');
    assert.ok(await isHit(scratch, job));
  });
});

/** Makes `job` while `edit` is carried out in the middle of its run; the script waits at the fifo "gate" after it has read. */
async function madeAround(scratch: Scratch, job: Job, sandbox: Sandbox, edit: () => Promise<unknown>): Promise<void> {
  const gate = join(scratch.folder, 'gate');
  assert.is((await run(['mkfifo', gate], { cwd: '/', env: {} })).exitCode, 0);
  const making = (await actionsOf(scratch)).make(job, sandbox, scratch.context);
  await run(['cat', gate], { cwd: '/', env: {} });
  await edit();
  await run(['sh', '-c', 'echo go > gate'], { cwd: scratch.folder, env: {} });
  assert.ok((await making).ok);
  await rm(gate);
}

test('if a source is edited, removed or added while the command runs, the result is used but not cached', async () => {
  const sandbox = await bubblewrap();
  const script = 'cat src/a > $OUT/x; echo ready > gate; read go < gate';
  const edits: readonly (readonly [string, string, (scratch: Scratch) => Promise<unknown>])[] = [
    ['edited', 'src/a', ({ write }) => write('src/a', 'after')],
    ['removed', 'src/a', ({ folder }) => rm(join(folder, 'src/a'))],
    ['edited in a folder', 'src//all', ({ write }) => write('src/a', 'after')],
    ['new in a folder', 'src//all', ({ write }) => write('src/deep/b', 'new')],
  ];
  for (const [what, read, edit] of edits) {
    await withScratch(async (scratch) => {
      await scratch.write('src/a', 'before');
      await mkdir(join(scratch.folder, 'src/deep'));
      const job = jobOf(shellAction(script, scratch.folder, sandbox), [read]);
      await settle();
      await madeAround(scratch, job, sandbox, () => edit(scratch));
      assert.not(await isHit(scratch, job), `${what}: as it is now`);
      await rm(join(scratch.folder, 'src'), { recursive: true });
      await scratch.write('src/a', 'before');
      await mkdir(join(scratch.folder, 'src/deep'));
      assert.not(await isHit(scratch, job), `${what}: as it was`);
      await settle();
      await madeAround(scratch, job, sandbox, async () => undefined);
      assert.ok(await isHit(scratch, job), `${what}: without an edit it is remembered`);
    });
  }
});

test('if a source is edited between its look-up and the start of the command, the result is cached for the content that was read', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    const job = jobOf(shellAction('cat a > $OUT/x', folder, sandbox), ['a']);
    await write('a', 'first');
    await built(scratch, job, sandbox);
    await write('a', 'second');
    const actions = await actionsOf(scratch);
    assert.is(await actions.lookUp(job), undefined, 'now the digest of "second" is known');
    await write('a', 'third');
    await settle();
    assert.ok((await actions.make(job, sandbox, scratch.context)).ok);
    const textOf = async (): Promise<string | undefined> => {
      const done = await (await actionsOf(scratch)).lookUp(job);
      const [artifact] = done ? filesOfResult(done.result) : [];
      return artifact && (await scratch.cache.content.read(artifact.digest))?.toString();
    };
    assert.is(await textOf(), 'third');
    await write('a', 'second');
    assert.is(await textOf(), undefined);
    await write('a', 'first');
    assert.is(await textOf(), 'first');
  });
});

test('a file that the record already names counts as it was when the command ran', async () => {
  const sandbox = await bubblewrap();
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('link.ld', 'one');
    const named = async (): Promise<Job> => {
      const place = `${places.work}/link.ld`;
      return jobOf(
        shellAction('cat link.ld > $OUT/x', folder, sandbox, {
          files: { [place]: await digestOfPlace(place, { [places.work]: folder }, await scratch.reopen()) },
        }),
      );
    };
    const before = await named();
    await write('link.ld', 'two');
    await settle();
    await (await actionsOf(scratch)).make(before, sandbox, scratch.context);
    assert.not(await isHit(scratch, before), 'it would say that "one" gives what "two" gave');
    assert.is(await built(scratch, await named(), sandbox), 'built');
    assert.ok(await isHit(scratch, await named()));
  });
});

test.run();
