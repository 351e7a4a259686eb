// Components without an image: those of fixtures/hello, with the builder's own flags.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { compilerOptions } from '../cli/flags/compiler-flags.ts';
import { repository } from '../cli/task.ts';
import { buildFlags } from '../cli/flags/build-flags.ts';
import { chosenBuild } from '../cli/tasks/build-task.ts';
import { puppetTask } from '../dev/testing/puppet-task.ts';
import { compileSystem } from './compile-system.ts';
import { planSystem } from './plan-system.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/', '.cache'), 'bloomery');
const dir = await mkdtemp(join(tmpdir(), 'compile-components-'));
test.after(() => rm(dir, { recursive: true }));

test('the programs of all components are published, and no image is', async () => {
  const { task } = puppetTask(buildFlags, ['hello', '--out', 'out', '--cache', cacheDir], dir, env);
  const { request } = await chosenBuild(task);
  const plan = await planSystem(request, task);
  assert.equal(
    [...plan.projects].map(([name, { folder }]) => [name, folder]),
    [['kernel', join(repository, 'fixtures/hello/kernel')]],
  );
  const cache = await openCache(cacheDir, process.pid, task.report);
  try {
    const { compiled } = await compileSystem(plan, { cache, ...compilerOptions(task) }, task);
    assert.is(compiled.projects.length, 1);
  } finally {
    await cache.close();
  }
  assert.ok(existsSync(join(dir, 'out/hello-default/kernel/hello')));
  assert.equal(await readdir(join(dir, 'out')), ['hello-default']);
});

test.run();
