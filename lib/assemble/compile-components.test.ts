// Components without an image: those of fixtures/hello, with the builder's own flags.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { compilerOptions } from '../cli/flags/compiler-flags.ts';
import { repository } from '../cli/repository.ts';
import { buildFlags, orderedBuild } from '../cli/tasks/build-task.ts';
import { puppetTask } from '../dev/testing/puppet-task.ts';
import { compileComponents, orderedProjects } from './compile-components.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/', '.cache'), 'bloomery');
const dir = await mkdtemp(join(tmpdir(), 'compile-components-'));
test.after(() => rm(dir, { recursive: true }));

test('the programs of all components are published, and no image is', async () => {
  const { task } = puppetTask(buildFlags, ['hello', '--out', 'out', '--cache', cacheDir], dir, env);
  const { request } = await orderedBuild(task);
  const projects = await orderedProjects(request, cacheDir, env);
  assert.equal([...projects].map(([name, { folder }]) => [name, folder]), [['kernel', join(repository, 'fixtures/hello/kernel')]]);
  const cache = await openCache(cacheDir, process.pid, task.report);
  try {
    const { projects: compiled } = await compileComponents({ ...request, compile: { cache, ...compilerOptions(task) } }, task);
    assert.is(compiled.length, 1);
  } finally {
    await cache.close();
  }
  assert.ok(existsSync(join(dir, 'out/hello-default/kernel/hello')));
  assert.equal(await readdir(join(dir, 'out')), ['hello-default']);
});

test.run();
