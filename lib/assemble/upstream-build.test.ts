// Redox from upstream's sources: the page's facts build a miniature kernel that was fetched over http.
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveGit } from '../dev/upstream/git-server.ts';
import { makeMiniatureKernel } from '../dev/upstream/miniature-kernel.ts';
import { system as redox } from '../../systems/redox.ts';
import { openCache } from '../cache/cache.ts';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { chooseToolchain } from '../crates/toolchain/choice.ts';
import { fetchUpstream } from '../upstream/fetch.ts';
import { buildComponent } from './build-component.ts';
import type { BuiltPart } from './build-component.ts';
import { presentOrigins } from '../sources/fetched-origins.ts';
import { upstreamLockPath, upstreamSources } from '../sources/upstream-sources.ts';

const repository = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'upstream-build-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/** A repository of the test with the page's files and its own lock. */
const root = join(dir, 'root');
cpSync(join(repository, 'systems/redox'), join(root, 'redox'), { recursive: true });
const cacheDir = join(dir, 'cache');
/** The user's own, where doctor --install puts the standard library's source. */
const otherCacheDir = join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? '/root', '.cache'), 'bloomery');

async function build(local: Readonly<Record<string, string>> = {}): Promise<BuiltPart> {
  const cache = await openCache(cacheDir, process.pid, context.report);
  try {
    const request = { system: redox, profile: 'default', root, outDir: join(dir, 'out'), env: {} };
    const options = { toolchain: undefined, rustSrc: env['BLOOMERY_RUST_SRC'], jobs: 2, sandbox: true, colour: false, otherCacheDir };
    const compile = { ...options, cache, hostEnv: env, shorten: (path: string) => path };
    return await buildComponent({ ...request, sources: { kind: 'upstream', local }, compile }, 'kernel', context);
  } finally {
    await cache.close();
  }
}

test('a kernel without a lock is a lack of the host that names the command', async () => {
  const error: unknown = await build().catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(error.message, "Cannot build redox from upstream's sources: they have not been fetched");
  assert.match(error.hint ?? '', 'npx zx tasks/fetch.ts redox');
  assert.is(error.exitCode, 69);
});

test('a fetched kernel is built for its JSON target with its linker script, submodule and git dependency', async () => {
  const upstream = join(dir, 'upstream');
  mkdirSync(upstream);
  await makeMiniatureKernel(upstream, 'https://gitlab.redox-os.org/redox-os/');
  const server = await serveGit(upstream, { anyRevision: true });
  try {
    const host = { env, mirrors: [{ from: 'https://gitlab.redox-os.org/redox-os/', to: server.url }] };
    const branch = {
      name: 'kernel',
      source: { git: 'https://gitlab.redox-os.org/redox-os/kernel.git', branch: 'master' },
      cargoFolders: ['.'],
    };
    assert.equal(
      upstreamSources(redox, root).find(({ name }) => name === 'kernel'),
      branch,
    );
    const sysroot = async (): Promise<string> => (await chooseToolchain({ env, cacheDir, needsRustSrc: false }, context)).toolchain.sysroot;
    const request = { sources: [branch], only: [], update: false, dryRun: false, lockPath: upstreamLockPath(root, 'redox'), cacheDir };
    await fetchUpstream({ ...request, host, sysroot }, context);
  } finally {
    await server.close();
  }
  const { outputs, compiled } = await build();
  assert.ok(compiled.misses > 0);
  const elf = readFileSync(outputs['kernel'] ?? '');
  assert.is(elf.readBigUInt64LE(24) >> 31n, 0x1ffffffffn, 'the entry point is in the top 2 GiB');
  assert.ok(elf.includes('memory of a miniature') && elf.includes('devices of a miniature'));
  assert.is((await build()).compiled.misses, 0);
});

test("a local checkout with upstream's target is built as upstream's", async () => {
  const checkout = join(dir, 'checkout');
  const origins = await presentOrigins(redox, { root, cacheDir });
  cpSync(origins.get('kernel')?.folder ?? '', checkout, { recursive: true });
  const { compiled } = await build({ kernel: checkout });
  assert.is(compiled.projects[0]?.project.triple, join(checkout, 'targets/x86_64-unknown-kernel.json'));
});

test.run();
