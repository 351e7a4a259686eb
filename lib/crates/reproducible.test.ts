// Compiles two checkouts at different paths with two empty caches at different times. Every artifact of every
// unit has the same bytes, in the dev profile with its debug information and in the release profile. Every
// key is the same too.
import { cp, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCache } from '../cache/cache.ts';
import { compile } from './compile.ts';

const fixture = resolve(import.meta.dirname, '../../fixtures/crates');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-reproducible-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** Compiles the fixture's copy with files of that age into an empty cache; gives the names of all blobs and of all results. */
async function madeIn(name: string, profile: string, changedAt: Date): Promise<{ blobs: readonly string[]; keys: readonly string[] }> {
  const [checkout, cacheDir] = [join(dir, name, 'checkout'), join(dir, name, `cache-${profile}`)];
  await cp(fixture, checkout, { recursive: true });
  for (const entry of await readdir(checkout, { recursive: true })) await utimes(join(checkout, entry), changedAt, changedAt);
  await cp(join(dir, 'remembered'), join(cacheDir, 'remembered'), { recursive: true }).catch(() => undefined); // the first knows nothing
  const context = { report: () => undefined, signal: new AbortController().signal };
  const cache = await openCache(cacheDir, process.pid, context.report);
  try {
    // Half-done work of rustc's is of one checkout, and names its objects at random.
    const whole = join(dir, 'whole.toml');
    await writeFile(whole, '[profile.dev]\nincremental = false\n');
    const none = { packages: [], bins: [], lib: false, features: [], buildStd: [], buildStdFeatures: [], cargoConfigs: [whole] };
    const project = { ...none, name, dir: checkout, defaultFeatures: true, profile, triple: undefined, env: {} };
    const options = { toolchain: undefined, rustSrc: undefined, jobs: 2, sandbox: true, colour: false, shorten: (path: string) => path };
    const { misses, units } = await compile([project], { cache, hostEnv, ...options }, context);
    assert.is(misses, units);
    await cp(join(cacheDir, 'remembered'), join(dir, 'remembered'), { recursive: true });
    const names = async (kind: string): Promise<readonly string[]> =>
      (await readdir(join(cache.dir, kind), { recursive: true })).filter((path) => path.includes('/')).sort();
    return { blobs: await names('content'), keys: await names('actions') };
  } finally {
    await cache.close();
  }
}

for (const profile of ['dev', 'release']) {
  test(`two checkouts and two empty caches give the same bytes for every artifact (${profile})`, async () => {
    const first = await madeIn('one', profile, new Date('2020-02-02T02:02:02Z'));
    const second = await madeIn('somewhere/else/two', profile, new Date('2031-01-01T00:00:00Z'));
    assert.ok(first.blobs.length >= 15, `${first.blobs.length} blobs`);
    assert.equal(second.blobs, first.blobs);
    assert.equal(second.keys, first.keys);
  });
}

test.run();
