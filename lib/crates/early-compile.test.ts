// The crate compiler with a compilation that begins before the plan is known, on a small workspace with a build
// script, a proc macro and a native library.
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { outputOf } from '../core/sh.ts';
import { withScratch } from '../dev/testing/scratch.ts';
import type { Scratch } from '../dev/testing/scratch.ts';
import { compile } from './compile.ts';
import { publish } from './compiled.ts';
import type { Project } from './project.ts';
import { beginCompilation } from './run/head-start.ts';
import type { HeadStart } from './run/head-start.ts';

const fixture = resolve(import.meta.dirname, '../../fixtures/crates');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

interface Build {
  /** The number of compilations that had begun and were used. */
  readonly begun: number;
  readonly misses: number;
  /** What the program prints. */
  readonly answer: string;
}

async function build({ folder, cacheDir, reopen, context }: Scratch, project: Project): Promise<Build> {
  const headStart = await beginCompilation({ cacheDir, words: ['greeter'], pid: process.pid });
  let begun = 0;
  const take: HeadStart['take'] = async (...wanted) => {
    const execution = await headStart.take(...wanted);
    if (execution) begun++;
    return execution;
  };
  const watched = { take, jobserver: headStart.jobserver.bind(headStart), remember: headStart.remember.bind(headStart) };
  const cache = await reopen();
  try {
    const tools = { toolchain: undefined, rustSrc: undefined, jobs: 2, sandbox: true };
    const showing = { shorten: (path: string) => path, colour: false };
    const compiled = await compile([project], { cache, hostEnv, ...tools, ...showing, headStart: watched }, context);
    for (const one of compiled.projects) await publish(one, join(folder, 'out'), cache);
    const answer = await outputOf('run the program', [join(folder, 'out/bin/greeter')], { cwd: folder, env: {} });
    return { begun, misses: compiled.misses, answer };
  } finally {
    await headStart.close();
    await cache.close();
  }
}

test('after an edit, the compiler starts before the plan is known, and the build is the same', () =>
  withScratch(async (scratch) => {
    const checkout = join(scratch.folder, 'checkout');
    await cp(fixture, checkout, { recursive: true });
    const project: Project = {
      ...{ name: 'fixture', dir: checkout, packages: [], bins: [], lib: false, features: [], defaultFeatures: true, profile: 'dev' },
      ...{ triple: undefined, buildStd: [], buildStdFeatures: [], cargoConfigs: [], env: {} },
    };
    const main = join(checkout, 'greeter/src/main.rs');
    const library = join(checkout, 'greeter/src/lib.rs');
    const append = async (path: string, text: string): Promise<void> => writeFile(path, (await readFile(path, 'utf8')) + text);

    const first = await build(scratch, project);
    assert.equal([first.begun, first.misses], [0, 8]);
    await append(main, '\n// a comment\n');
    assert.equal(await build(scratch, project), { ...first, begun: 1, misses: 1 });
    assert.equal(await build(scratch, project), { ...first, begun: 0, misses: 0 });
    await append(library, '\npub const MORE: u8 = 1;\n');
    assert.equal(await build(scratch, project), { ...first, begun: 2, misses: 2 });
    const good = await readFile(main, 'utf8');
    await writeFile(main, 'fn main() { missing(); }');
    const error = await build(scratch, project).catch((caught: unknown) => caught);
    assert.ok(error instanceof Failure && /cannot find function `missing`/.test(error.detail ?? ''));
    await writeFile(main, good);
    assert.equal(await build(scratch, project), { ...first, begun: 0, misses: 0 });
    assert.equal(await readdir(join(scratch.cacheDir, 'v1/tmp')), [scratch.cache.tmpDir.split('/').at(-1)]);
  }));

test.run();
