// Builds the whole profile `minimal` of Redox from upstream's sources: miniature repositories are fetched,
// compiled and linked with their C library, and an image is assembled.
import { cpSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveGit } from '../dev/upstream/git-server.ts';
import { makeMiniatureRedox } from '../dev/upstream/miniature-redox.ts';
import { system as redox } from '../../systems/redox.ts';
import { openCache } from '../cache/cache.ts';
import type { Context } from '../core/events.ts';
import { findProgram, outputOf } from '../core/sh.ts';
import { fetchUpstream } from '../upstream/fetch.ts';
import { buildSystem } from './build-system.ts';
import type { BuiltSystem } from './build-system.ts';
import { configuredSystem } from './configured-system.ts';
import { upstreamLockPath, upstreamSources } from '../sources/upstream-sources.ts';

const repository = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'upstream-image-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/** A repository of the test with the page's files and its own lock. */
const root = join(dir, 'root');
cpSync(join(repository, 'systems/redox'), join(root, 'redox'), { recursive: true });
const cacheDir = join(dir, 'cache');
/** The user's own, where doctor --install puts the standard library's source. */
const otherCacheDir = join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const upstream = join(dir, 'upstream');
const parts = ['bootloader', 'kernel', 'bootstrap', 'base', 'redoxfs', 'ion', 'uutils', 'relibc'];

async function fetch(update: boolean): Promise<void> {
  const server = await serveGit(upstream, { anyRevision: true });
  try {
    const addresses = ['https://gitlab.redox-os.org/redox-os/', 'https://github.com/uutils/'];
    const host = { env, mirrors: addresses.map((from) => ({ from, to: server.url })) };
    const sysroot = async (): Promise<string> =>
      (await outputOf('find the toolchain', ['/usr/bin/env', 'rustc', '--print', 'sysroot'], { cwd: '/', env })).trim();
    const request = {
      sources: upstreamSources(redox, root),
      only: parts,
      update,
      dryRun: false,
      lockPath: upstreamLockPath(root, 'redox'),
    };
    await fetchUpstream({ ...request, cacheDir, host, sysroot }, context);
  } finally {
    await server.close();
  }
}

async function build(): Promise<BuiltSystem> {
  const cache = await openCache(cacheDir, process.pid, context.report);
  try {
    const sources = { kind: 'upstream', local: {} } as const;
    const { system, packages } = await configuredSystem({ system: redox, profile: 'minimal', root, recipes: new Set(), sources });
    const options = { toolchain: undefined, rustSrc: env['BLOOMERY_RUST_SRC'], jobs: 2, sandbox: true, colour: false, otherCacheDir };
    const compile = { ...options, cache, hostEnv: env, shorten: (path: string) => path };
    const request = { system, packages, profile: 'minimal', sources, root, outDir: join(dir, 'out'), env: {}, compile };
    return await buildSystem(request, context);
  } finally {
    await cache.close();
  }
}

async function image(...words: readonly string[]): Promise<string> {
  return await outputOf('read the image', [process.execPath, join(repository, 'tasks/image.ts'), ...words], { cwd: dir, env });
}

const clang = await findProgram('clang', '/usr/bin:/bin');
/** The C library is compiled by clang, which doctor --install gets. */
const testWithClang = clang === undefined ? test.skip : test;
if (clang === undefined) process.stderr.write('skipped: the host has no clang\n');

testWithClang('fetched sources become an image with the programs, the source files and the initfs of the page', async () => {
  mkdirSync(upstream);
  const packages = redox.configurations?.packages ?? {};
  const builds = Object.fromEntries(Object.entries(packages).map(([name, { upstream: origin }]) => [name, origin.cargo]));
  await makeMiniatureRedox(upstream, 'https://gitlab.redox-os.org/redox-os/', builds);
  await fetch(false);
  const { imagePath, compiled } = await build();
  assert.ok(compiled.misses > 0);
  const paths = await image('ls', imagePath);
  for (const path of ['usr/bin/ion', 'usr/bin/sh', 'usr/bin/coreutils', 'usr/lib/drivers/e1000d', 'usr/lib/init.d/10_net', 'startup.sh'])
    assert.match(paths, path);
  assert.match(await image('cat', imagePath, '/usr/lib/init.d/10_net'), 'smolnetd');
  const program = await image('cat', imagePath, '/usr/bin/ion');
  assert.ok(program.startsWith('\u007fELF') && program.includes('ion: ion'));
});

testWithClang('nothing is built again while the lock and the sources are unchanged', async () => {
  await fetch(true);
  assert.is((await build()).compiled.misses, 0);
});

test.run();
