// Components that contain an output of another component are compiled after it, and their page must be
// complete. Boot tests build such components.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { Failure } from '../core/errors.ts';
import type { Project } from '../crates/project.ts';
import type { System } from '../system/system.ts';
import { carriedBy, compileWithPayloads } from './payload.ts';

const components: System['components'] = {
  kernel: { title: 'a kernel', cargo: {} },
  setup: { title: 'carries it', cargo: {}, payload: { made: 'kernel/kernel.elf', encoding: 'gzip', variable: 'PAYLOAD' } },
};

test('a component comes after the component that it contains', () => {
  assert.equal(carriedBy('kernel', components), ['kernel']);
  assert.equal(carriedBy('setup', components), ['kernel', 'setup']);
});

test('a component that carries an output needs a triple', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-payload-'));
  const context = { signal: new AbortController().signal, report: () => undefined };
  const cache = await openCache(dir, process.pid, context.report);
  try {
    const setup: Project = {
      ...{ name: 'setup', dir, packages: [], bins: [], lib: false, features: [], defaultFeatures: true, profile: 'dev' },
      ...{ triple: undefined, buildStd: [], buildStdFeatures: [], cargoConfigs: [], env: {} },
    };
    const options = {
      ...{ cache, hostEnv: {}, toolchain: undefined, rustSrc: undefined, jobs: 1, sandbox: true, colour: false },
      shorten: (path: string) => path,
    };
    const error = await compileWithPayloads([setup], components, options, context).catch((thrown: unknown) => thrown);
    assert.instance(error, Failure);
    assert.match(String(error), 'Cannot put "kernel/kernel.elf" into "setup": its page has no triple for it');
  } finally {
    await cache.close();
    await rm(dir, { recursive: true, force: true });
  }
});

test.run();
