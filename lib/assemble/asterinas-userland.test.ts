// Builds Rust programs from fetched sources for images of Asterinas, and boots them with the reference
// kernel. Only a few of the commands are compiled, without optimization, because all of them take five
// minutes on two cores. The tests are skipped if the sources are not fetched. All commands and the Debian
// root are built only if BLOOMERY_TEST_USERLAND is set, which takes a quarter of an hour with an empty cache.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system as page } from '../../systems/asterinas.ts';
import { openCache } from '../cache/cache.ts';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import { buildSystem } from './build-system.ts';
import { fetchedSources } from '../sources/fetched-sources.ts';
import type { FileFacts } from '../system/image-facts.ts';
import { profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const dir = await mkdtemp(join(tmpdir(), 'asterinas-userland-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/** A Failure is a reason to leave the tests out. */
const fetched = await fetchedSources(page, { root: project, cacheDir, env }).catch((error: unknown) => {
  if (error instanceof Failure) return undefined;
  throw error;
});
if (!fetched) console.error('left out: the sources of asterinas are not fetched (npx zx tasks/fetch.ts asterinas)');
const check = (name: string, work: () => Promise<void>): void => (fetched ? test(name, work) : test.skip(name));

/** Those of the commands that are compiled. The others are busybox's. */
const commands = ['arch', 'ls', 'uname'];

/** The page with few of the coreutils. */
function withFew(system: System, profile: string): System {
  const coreutils = system.components['coreutils-static'];
  assert.ok(coreutils);
  const few = { ...coreutils, cargo: { ...coreutils.cargo, features: commands } };
  const { image, ...rest } = profileOf(system, profile);
  assert.ok(image);
  const partitions = image.partitions.map((one) => ({ ...one, files: onlyFew(one.files) }));
  const small = { ...rest, cargoProfile: 'dev', image: { ...image, partitions } };
  return { ...system, components: { ...system.components, 'coreutils-static': few }, profiles: { ...system.profiles, [profile]: small } };
}

/** The files without links to commands that are not compiled, and without aliases for them. */
function onlyFew(files: FileFacts): FileFacts {
  const rows = Object.entries(files).filter(
    ([path, fact]) => !('link' in fact && fact.link === 'coreutils') || commands.includes(basename(path)),
  );
  const aliases = commands.map((name) => `alias ${name}=/bin/${name}\n`).join('');
  return Object.fromEntries(rows.map(([path, fact]) => [path, path === 'etc/profile' ? { text: aliases } : fact]));
}

async function build(system: System, profile: string): Promise<string> {
  const cache = await openCache(cacheDir, process.pid, context.report);
  try {
    const rustSrc = env['BLOOMERY_RUST_SRC'];
    const compile = { cache, hostEnv: env, toolchain: undefined, rustSrc, jobs: 2, sandbox: true, shorten: String, colour: false };
    const sources = { kind: 'bundled', local: {} } as const;
    return (await buildSystem({ system, profile, sources, root: project, outDir: dir, env: {}, compile }, context)).imagePath;
  } finally {
    await cache.close();
  }
}

/** Boots with the reference kernel, and returns the checks that failed. */
async function failedChecks(profile: string, image: string, ...flags: readonly string[]): Promise<readonly string[]> {
  const named = ['--system', 'asterinas', '--profile', profile, '--kernel', 'linux', '--image', image];
  const words = ['test-boot.ts', ...named, '--log', join(dir, `${profile}.log`), '--quiet', '--json', ...flags];
  const { stdout, stderr } = await run([process.execPath, ...words], { cwd: project, env });
  const { checks }: { readonly checks?: readonly { readonly name: string; readonly passed: boolean; readonly seen?: string }[] } =
    JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
  assert.ok(checks && checks.length > 5, stderr + stdout);
  return checks.filter(({ passed }) => !passed).map(({ name, seen = '' }) => `${name}: ${seen}`);
}

check('uutils: Linux runs the coreutils in Rust, and the checks of the profile pass', async () => {
  assert.equal(await failedChecks('uutils', await build(withFew(page, 'uutils'), 'uutils')), []);
});

const whole = 'uutils: the initramfs has all of the coreutils in Rust';
const rooted = 'debian: Linux starts the Debian root of the disk with its programs in Rust, and GRUB the kernel of the page';
if (env['BLOOMERY_TEST_USERLAND']) {
  check(whole, async () => {
    assert.equal(await failedChecks('uutils', await build(page, 'uutils'), '--cpus', '1'), []);
  });
  check(rooted, async () => {
    const image = await build(page, 'debian');
    for (const flags of [[], ['--console', 'hvc0']]) assert.equal(await failedChecks('debian', image, '--cpus', '1', ...flags), []);
    const words = [
      'test-boot.ts',
      '--system',
      'asterinas',
      '--profile',
      'debian',
      '--image',
      image,
      '--log',
      join(dir, 'own.log'),
      '--quiet',
    ];
    const { exitCode, stdout, stderr } = await run([process.execPath, ...words], { cwd: project, env });
    assert.is(exitCode, 0, stderr + stdout);
    assert.match(stdout, /booted after [\d.]+ s: "Successfully booted\."/);
  });
} else {
  console.error('left out: BLOOMERY_TEST_USERLAND is not set');
  for (const name of [whole, rooted]) test.skip(name);
}

test.run();
