// Which compilation begins before the plan of a build is known, and when its result is used.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bubblewrap } from '../../dev/testing/sandboxes.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { places, shellAction } from '../../dev/testing/shell-action.ts';
import { openTracer } from '../../actions/sandbox/tracer.ts';
import { jobserverPath, jobserverPlace } from '../../actions/jobserver.ts';
import type { Action } from '../../actions/action.ts';
import { digestBytes } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { beginCompilation } from './head-start.ts';
import type { HeadStart } from './head-start.ts';

const never = new AbortController().signal;
const sandbox = await bubblewrap();
const words = ['/work', 'hexyl', '--release'];

/** Returns an action that prints a source file of the scratch folder. */
function printing(name: string, { folder }: Scratch, changes: Partial<Action> = {}): Action {
  const { record, ...action } = shellAction(`cat $WORK/${name} >&2`, folder, sandbox);
  const own = { counted: [places.work], around: {}, mayWrite: [], spelled: () => '', named: [], home: undefined };
  return { ...action, record: { ...record, kind: 'rustc' }, own, ...changes };
}

/** Records a build that has run these actions. Each of them has read the file of its name. */
async function remember(scratch: Scratch, actions: Readonly<Record<string, Action>>, before?: HeadStart): Promise<void> {
  const headStart = before ?? (await begin(scratch));
  const cache = await scratch.reopen();
  const ran = Object.entries(actions).map(([name, action]) => [name, { action, files: { [`${places.work}/${name}`]: null } }] as const);
  await headStart.remember({ hashes: ['a.rs', 'b.rs'], ran: new Map(ran), jobs: 2, sandbox, cache });
  await cache.close();
  await headStart.close();
}

function begin({ cacheDir }: Scratch, other: readonly string[] = words): Promise<HeadStart> {
  return beginCompilation({ cacheDir, words: other, pid: process.pid });
}

/** Returns what a build gets that opens the folder of the cache and runs the action. */
async function taken(headStart: HeadStart, action: Action, { cacheDir }: Scratch): Promise<string | undefined> {
  const folder = headStart.takeFolder(cacheDir, () => undefined);
  const ambientMounts = { ...action.ambientMounts, [jobserverPlace]: jobserverPath(folder?.tmpDir ?? '/nowhere') };
  try {
    const execution = await headStart.take({ ...action, ambientMounts }, sandbox, never);
    return execution?.ok ? execution.result.stderr : undefined;
  } finally {
    await headStart.close();
    await folder?.close();
  }
}

const running = ({ cache }: Scratch): Promise<readonly string[]> => readdir(join(cache.dir, 'tmp')).then((names) => names.slice(1));

/** Runs a check in a scratch folder with two source files and the record of a build that has read both. */
function afterBuild(name: string, check: (scratch: Scratch) => Promise<void>): void {
  test(name, () =>
    withScratch(async (scratch) => {
      for (const source of ['a.rs', 'b.rs']) await scratch.write(source, `${source} before`);
      await remember(scratch, { 'a.rs': printing('a.rs', scratch), 'b.rs': printing('b.rs', scratch) });
      await check(scratch);
      assert.equal(await running(scratch), []);
    }),
  );
}

test('nothing begins, and no folder is created, in a cache that does not exist', () =>
  withScratch(async ({ folder }) => {
    const cacheDir = join(folder, 'no-cache');
    const headStart = await beginCompilation({ cacheDir, words, pid: process.pid });
    assert.is(
      headStart.takeFolder(cacheDir, () => undefined),
      undefined,
    );
    await headStart.close();
    assert.not.ok(existsSync(cacheDir));
  }));

afterBuild('after an edit, the compilation that read the file begins, and the build gets its result', async (scratch) => {
  await scratch.write('b.rs', 'b.rs edited');
  assert.is(await taken(await begin(scratch), printing('b.rs', scratch), scratch), 'b.rs edited');
});

afterBuild('nothing begins for unchanged files, touched files, and another command line', async (scratch) => {
  assert.is(await taken(await begin(scratch), printing('b.rs', scratch), scratch), undefined);
  await utimes(join(scratch.folder, 'b.rs'), 1, 1);
  assert.is(await taken(await begin(scratch), printing('b.rs', scratch), scratch), undefined);
  await scratch.write('b.rs', 'edited');
  assert.is(await taken(await begin(scratch, [...words, '--bin=x']), printing('b.rs', scratch), scratch), undefined);
});

afterBuild('of several compilations with changed files, the first of the plan begins', async (scratch) => {
  for (const source of ['b.rs', 'a.rs']) await scratch.write(source, 'edited');
  assert.is(await taken(await begin(scratch), printing('b.rs', scratch), scratch), undefined);
  assert.is(await taken(await begin(scratch), printing('a.rs', scratch), scratch), 'edited');
});

afterBuild('a result is not used if its file changes again, or if the plan demands another action', async (scratch) => {
  await scratch.write('a.rs', 'edited');
  const headStart = await begin(scratch);
  await writeFile(join(scratch.folder, 'a.rs'), 'edited again');
  assert.is(await taken(headStart, printing('a.rs', scratch), scratch), undefined);
  const other = printing('a.rs', scratch, { ambientEnv: { MALLOC_CONF: 'other' } });
  assert.is(await taken(await begin(scratch), other, scratch), undefined);
});

afterBuild('a build with other jobs cannot use it', async (scratch) => {
  await scratch.write('a.rs', 'edited');
  const headStart = await begin(scratch);
  assert.is(await headStart.jobserver(3, never), undefined);
  assert.is(await taken(headStart, printing('a.rs', scratch), scratch), undefined);
  const again = await begin(scratch);
  assert.ok(await again.jobserver(2, never));
  assert.is(await taken(again, printing('a.rs', scratch), scratch), 'edited');
});

afterBuild('the next record keeps the compilations that did not run again', async (scratch) => {
  await scratch.write('a.rs', 'edited');
  const headStart = await begin(scratch);
  assert.is(await taken(headStart, printing('a.rs', scratch), scratch), 'edited');
  await remember(scratch, { 'a.rs': printing('a.rs', scratch) }, headStart);
  await scratch.write('b.rs', 'edited too');
  assert.is(await taken(await begin(scratch), printing('b.rs', scratch), scratch), 'edited too');
});

afterBuild('a compilation with network access, without its sandbox, or with a mount that is gone does not begin', async (scratch) => {
  const withNetwork = printing('a.rs', scratch);
  await remember(scratch, { 'a.rs': { ...withNetwork, record: { ...withNetwork.record, network: true } } });
  await scratch.write('a.rs', 'edited');
  assert.is(await taken(await begin(scratch), { ...withNetwork, record: { ...withNetwork.record, network: true } }, scratch), undefined);
  const gone = printing('a.rs', scratch, {
    mounts: { ...printing('a.rs', scratch).mounts, '/bloomery/gone': join(scratch.folder, 'gone') },
  });
  await remember(scratch, { 'a.rs': gone });
  await scratch.write('a.rs', 'edited once more');
  assert.is(await taken(await begin(scratch), gone, scratch), undefined);
});

afterBuild('a cache that was not passed on is closed', async (scratch) => {
  await scratch.write('a.rs', 'edited');
  const headStart = await begin(scratch);
  assert.is((await running(scratch)).length, 1);
  await headStart.close();
  await headStart.close();
});

/** An action that compiles a library from a.rs, and one that reads this library and runs under the tracer. */
async function libraryAndUser(scratch: Scratch, script: string, library: Digest): Promise<readonly [Action, Action]> {
  const tracer = (await openTracer(scratch.cache, { signal: never }, sandbox))?.program;
  assert.ok(tracer);
  const place = '/bloomery/deps/liba-a.rs.rlib';
  const [made, used] = [printing('a.rs', scratch), printing('b.rs', scratch)];
  return [
    { ...made, record: { ...made.record, argv: ['/bin/sh', '-ec', script] } },
    {
      ...used,
      label: 'user',
      record: { ...used.record, argv: ['/bin/sh', '-ec', `cat ${place} >&2`], inputs: { [place]: library } },
      tracer,
    },
  ];
}

afterBuild('after a compilation its dependents begin with its outputs, and are used if their digests are wanted', async (scratch) => {
  const script = 'cp $WORK/a.rs $OUT/liba-a.rs.rlib; grep -q broken $WORK/a.rs && exit 1 || true';
  const [library, user] = await libraryAndUser(scratch, script, digestBytes('a.rs before'));
  await remember(scratch, { 'a.rs': library, 'b.rs': user });
  for (const [text, wanted, expected] of [
    ['edited', 'edited', 'edited'],
    ['edited again', 'other bytes', undefined],
    ['broken', 'broken', undefined],
  ] as const) {
    await scratch.write('a.rs', text);
    const headStart = await begin(scratch);
    const folder = headStart.takeFolder(scratch.cacheDir, () => undefined);
    const ambientMounts = { [jobserverPlace]: jobserverPath(folder?.tmpDir ?? '/nowhere') };
    const made = await headStart.take({ ...library, ambientMounts }, sandbox, never);
    assert.is(made?.ok, text !== 'broken');
    const [, after] = await libraryAndUser(scratch, script, digestBytes(wanted));
    const used = await headStart.take({ ...after, ambientMounts }, sandbox, never);
    assert.is(used?.ok ? used.result.stderr : undefined, expected, text);
    await headStart.close();
    await folder?.close();
  }
});

afterBuild('a dependent that the build has already run does not begin', async (scratch) => {
  const [library, user] = await libraryAndUser(
    scratch,
    'until [ -e $WORK/asked ]; do sleep 0.01; done; cp $WORK/a.rs $OUT/liba-a.rs.rlib',
    digestBytes('a.rs before'),
  );
  await remember(scratch, { 'a.rs': library, 'b.rs': user });
  await scratch.write('a.rs', 'edited');
  const headStart = await begin(scratch);
  const folder = headStart.takeFolder(scratch.cacheDir, () => undefined);
  const ambientMounts = { [jobserverPlace]: jobserverPath(folder?.tmpDir ?? '/nowhere') };
  const [, after] = await libraryAndUser(scratch, '', digestBytes('edited'));
  assert.is(await headStart.take({ ...after, ambientMounts }, sandbox, never), undefined);
  await scratch.write('asked', '');
  assert.ok((await headStart.take({ ...library, ambientMounts }, sandbox, never))?.ok);
  assert.is(await headStart.take({ ...after, ambientMounts }, sandbox, never), undefined);
  await headStart.close();
  await folder?.close();
});

test('a cache that cannot be opened, and a file that cannot be read, are left to the build', () =>
  withScratch(async (scratch) => {
    await scratch.write('a.rs', 'before');
    await remember(scratch, { 'a.rs': printing('a.rs', scratch) });
    await rm(join(scratch.folder, 'a.rs'));
    await mkdir(join(scratch.folder, 'a.rs'));
    assert.is(await taken(await begin(scratch), printing('a.rs', scratch), scratch), undefined);
    await rm(join(scratch.folder, 'a.rs'), { recursive: true });
    await scratch.write('a.rs', 'edited');
    await rm(join(scratch.cache.dir, 'tmp'), { recursive: true });
    await writeFile(join(scratch.cache.dir, 'tmp'), 'a file');
    assert.is(await taken(await begin(scratch), printing('a.rs', scratch), scratch), undefined);
    await (await beginCompilation({ cacheDir: join(scratch.cache.dir, 'tmp'), words, pid: process.pid })).close();
  }));

afterBuild('a damaged or strange record begins nothing', async (scratch) => {
  await scratch.write('a.rs', 'edited');
  for (const kind of ['head-starts', 'head-start-actions']) {
    const folder = join(scratch.cache.dir, kind);
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (name.isFile()) await writeFile(join(name.parentPath, name.name), 'damaged');
    assert.is(await taken(await begin(scratch), printing('a.rs', scratch), scratch), undefined, kind);
  }
});

test.run();
