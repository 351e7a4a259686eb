// Builds an image and a manifest from a page: a small test system, whose one component is compiled for the
// host.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { console as redoxConsole } from '../../systems/redox/console.ts';
import { machine } from '../../systems/redox/machine.ts';
import { openCache } from '../cache/cache.ts';
import { digestFile } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { MiB } from '../core/sizes.ts';
import { buildSystem } from './build-system.ts';
import type { BuildRequest } from './build-request.ts';
import type { BuiltSystem } from './build-system.ts';
import { imageOf } from '../system/system.ts';
import type { System } from '../system/system.ts';

const root = join(import.meta.dirname, '../..');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

const small: System = {
  name: 'small',
  title: 'Small',
  components: {
    greeter: {
      title: 'a program',
      bundled: 'fixtures/crates',
      upstream: { git: 'https://example.invalid/greeter.git', branch: 'main' },
      cargo: { packages: ['greeter'], bins: ['greeter'] },
    },
  },
  profiles: { default: { title: 'the only one', cargoProfile: 'dev' } },
  image: {
    sizeBytes: 40 * MiB,
    timestampSec: 1_767_225_600,
    partitions: [
      {
        name: 'root',
        typeGuid: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
        fileSystem: { kind: 'redoxfs' },
        files: { 'usr/bin/greeter': { made: 'greeter/greeter' }, 'etc/hostname': { text: 'small\n' } },
      },
    ],
  },
  machine,
  console: redoxConsole,
};

const dir = await mkdtemp(join(tmpdir(), 'bloomery-build-'));
test.after(() => rm(dir, { recursive: true, force: true }));

async function build(out: string, changes: Partial<BuildRequest> = {}): Promise<BuiltSystem> {
  const context = { signal: new AbortController().signal, report: () => {} };
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    const compile = {
      cache,
      hostEnv,
      toolchain: undefined,
      rustSrc: undefined,
      jobs: 2,
      sandbox: true,
      shorten: (path: string) => path,
      colour: false,
    };
    const request = {
      system: small,
      profile: 'default',
      sources: { kind: 'bundled', local: {} },
      root,
      outDir: join(dir, out),
      env: {},
      compile,
    } as const;
    return await buildSystem({ ...request, ...changes }, context);
  } finally {
    await cache.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('the image and its manifest agree, and a second build is all hits and the same bytes', async () => {
  const first = await build('one');
  assert.is(await digestFile(first.imagePath), first.image.sha256);
  const manifest: { components: { greeter: { source: object; outputs: { greeter: { sha256: string } } } }; image: { sha256: string } } =
    JSON.parse(await readFile(first.manifestPath, 'utf8'));
  assert.is(manifest.image.sha256, first.image.sha256);
  assert.is(manifest.components.greeter.outputs.greeter.sha256, await digestFile(join(dir, 'one/small-default/greeter/greeter')));
  assert.match(JSON.stringify(manifest.components.greeter.source), '"path":"fixtures/crates"');
  const second = await build('two');
  assert.is(second.compiled.misses, 0);
  assert.is(second.image.sha256, first.image.sha256);
});

test("a component is built from the user's own checkout", async () => {
  const local = join(dir, 'mine');
  await cp(join(root, 'fixtures/crates'), local, { recursive: true });
  await writeFile(join(local, 'greeter/words.txt'), 'mine alone\n');
  const { image, manifestPath } = await build('three', { sources: { kind: 'bundled', local: { greeter: local } } });
  assert.is.not(image.sha256, (await build('one')).image.sha256);
  assert.match(await readFile(manifestPath, 'utf8'), '"kind": "local"');
  const failure = await failureOf(build('three', { sources: { kind: 'bundled', local: { greter: local } } }));
  assert.equal([failure.exitCode, failure.hint], [2, 'did you mean greeter?']);
});

test('the error for an image that is too small has the missing size, and no image is left', async () => {
  const tiny = { ...small, image: { ...imageOf(small, 'default'), sizeBytes: 4 * MiB } };
  const failure = await failureOf(build('tiny', { system: tiny }));
  assert.is(failure.exitCode, 1);
  assert.match(failure.message, /bytes|MiB|KiB/);
  assert.equal(
    (await readdir(join(dir, 'tiny'))).filter((name) => /\.(img|json|partial)/.test(name)),
    [],
  );
});

test('a folder that cannot be written is reported before anything is compiled', async () => {
  const failure = await failureOf(build('four', { outDir: '/proc/nowhere' }));
  assert.match(failure.message, /^Cannot write to "\/proc\/nowhere"/);
  assert.is(failure.hint, 'choose another folder with --out DIR');
});

test('missing upstream sources are reported in a sentence', async () => {
  const failure = await failureOf(build('five', { sources: { kind: 'upstream', local: {} } }));
  assert.match(failure.message, 'they have not been fetched');
});

test.run();
