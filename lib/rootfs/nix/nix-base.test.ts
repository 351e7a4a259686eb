// A system that Nix builds, with the real Nix in a separate store and a substitute for nixpkgs that builds a
// small system: it is compiled, passed to Nix, built, packed from its closure, read back and booted. The
// tests about missing tools of the host come first and need no Nix.
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { linuxGuest } from '../../dev/testing/linux-guest.ts';
import { noNix, privateNix } from '../../dev/testing/private-nix.ts';
import type { PrivateNix } from '../../dev/testing/private-nix.ts';
import { console as linuxConsole } from '../../../systems/linux/console.ts';
import { system as page } from '../../../systems/rust-nixos.ts';
import { openCache } from '../../cache/cache.ts';
import { manifestClosure } from '../../closure/manifest-closure.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { bootTest } from '../../boot/boot-test.ts';
import { buildSystem } from '../../assemble/build-system.ts';
import type { BuiltSystem } from '../../assemble/build-system.ts';
import type { NixBase } from '../../system/image-facts.ts';
import { nixHost } from './nix-host.ts';
import { nixBaseOf, onNix } from '../../system/nix-profile.ts';
import type { System } from '../../system/system.ts';

const root = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'nix-base-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const nix = await privateNix(pathOf(env));
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));
test.after(() => nix?.remove());

const nixBase: NixBase = {
  expression: 'systems/rust-nixos/nixos',
  profiles: {
    rust: { attribute: 'rust', components: ['greeter'], packages: { coreutils: { 'bin/greeter': { made: 'greeter/greeter' } } } },
    vanilla: { attribute: 'vanilla', components: [], packages: {} },
    wrong: { attribute: 'nothing', components: [], packages: {} },
  },
  image: {
    label: 'nixos',
    timestampSec: 1_767_225_600,
    spareBytes: 16 * MiB,
    files: { dev: { folder: true }, proc: { folder: true } },
    link: 'nix/var/nix/profiles/system',
  },
};

const small: System = {
  name: 'small',
  title: 'Small',
  components: {
    greeter: {
      title: 'a static program',
      bundled: 'fixtures/crates',
      cargo: { packages: ['greeter'], bins: ['greeter'], configs: ['systems/linux/static.toml'] },
    },
  },
  profiles: Object.fromEntries(Object.keys(nixBase.profiles).map((name) => [name, { title: name, cargoProfile: 'dev' }])),
  nixBase,
  machine: page.machine,
  console: linuxConsole,
};

async function build(hostEnv: Readonly<Record<string, string>>, profile: string): Promise<BuiltSystem> {
  const cache = await openCache(join(dir, 'cache'), process.pid, context.report);
  try {
    const [toolchain, rustSrc, jobs] = [undefined, undefined, 2];
    const compile = { cache, hostEnv, toolchain, rustSrc, jobs, sandbox: true, shorten: (path: string) => path, colour: false };
    const sources = { kind: 'bundled', local: {} } as const;
    return await buildSystem({ system: small, base: 'nix', profile, sources, root, outDir: join(dir, 'out'), env: {}, compile }, context);
  } finally {
    await cache.close();
  }
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('a host without Nix gets a hint what to install, and ends with 69', async () => {
  const failure = await failureOf(build({ ...env, PATH: dir }, 'rust'));
  assert.is(failure.message, 'Cannot build small on the base nix: Nix is not installed');
  assert.is(failure.exitCode, 69);
  assert.match(failure.hint ?? '', /^run npx zx tasks\/doctor\.ts --install, or install the package nix-bin/);
});

check('a Nix without nixpkgs gets a hint where to put it, and ends with 69', async (real) => {
  const failure = await failureOf(nixHost('small', { ...real.env, NIX_PATH: '' }, context));
  assert.is(failure.message, 'Cannot build small on the base nix: Nix does not find nixpkgs');
  assert.is(failure.exitCode, 69);
  assert.match(failure.hint ?? '', 'set NIX_PATH=nixpkgs=DIR');
  assert.match(failure.detail ?? '', "'nixpkgs' was not found");
});

test('a profile or a system without facts for Nix is a usage error', async () => {
  const { nixBase: _, ...without } = small;
  assert.throws(
    () => nixBaseOf(without, 'rust'),
    (error: unknown) => error instanceof Failure && error.exitCode === 2,
  );
  const failure = await failureOf(build(env, 'rst'));
  assert.equal([failure.exitCode, failure.hint], [2, 'did you mean rust?']);
});

test('no sources are requested that no component needs, and the packages name outputs of the components', () => {
  assert.is(onNix(page, 'vanilla').sources, undefined);
  assert.ok(onNix(page, 'rust').sources);
  for (const [name, { components, packages }] of Object.entries(page.nixBase?.profiles ?? {})) {
    for (const fact of Object.values(packages).flatMap((files) => Object.values(files))) {
      if ('made' in fact) assert.ok(components.includes(fact.made.split('/')[0] ?? ''), `${name}: ${fact.made}`);
    }
  }
});

/** The settings of a Nix whose <nixpkgs> is the substitute with the files that it needs. */
async function withNixpkgs(real: PrivateNix): Promise<{ readonly hostEnv: Record<string, string>; readonly cacheDir: string }> {
  const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
  const guest = await linuxGuest(cacheDir, env);
  const nixpkgs = join(real.folder, 'nixpkgs');
  await cp(join(root, 'fixtures/rust-nixos/nixpkgs-stub'), nixpkgs, { recursive: true });
  await mkdir(join(nixpkgs, 'inputs'), { recursive: true });
  await copyFile(join(guest.root, 'bin/busybox'), join(nixpkgs, 'inputs/busybox'));
  await copyFile(guest.kernel, join(nixpkgs, 'inputs/kernel'));
  const { HOME: _, ...settings } = real.env; // rustup's toolchains are in the user's home folder
  return { hostEnv: { ...env, ...settings, NIX_PATH: `nixpkgs=${nixpkgs}` }, cacheDir };
}

check('a refusal of Nix is reported with its message', async (real) => {
  const { hostEnv } = await withNixpkgs(real);
  const failure = await failureOf(build(hostEnv, 'wrong'));
  assert.is(failure.exitCode, 1);
  assert.match(failure.message, 'Cannot build small on the base nix: nix-build ended with status 1');
  assert.match(failure.detail ?? '', "attribute 'nothing'");
});

check('a system is built as a closure with a program of this project in it, and boots', async (real) => {
  const { hostEnv, cacheDir } = await withNixpkgs(real);
  const { imagePath, manifestPath, image, nix: made } = await build(hostEnv, 'rust');
  assert.is(basename(imagePath), 'small-rust-nix.img');
  assert.ok(made);
  if (!made) return;

  // The manifest must be equal to Nix's own database.
  const closure = await manifestClosure(manifestPath);
  const toplevel = real.path(closure.root as Parameters<PrivateNix['path']>[0]);
  const listed = (await real.call('nix-store', '-qR', toplevel))
    .trim()
    .split('\n')
    .map((path) => basename(path));
  assert.equal([...closure.nodes.keys()], listed.sort());
  assert.equal([...closure.nodes.values()].map(({ name }) => name).sort(), [
    'busybox',
    'coreutils',
    'coreutils',
    'linux',
    'rust-coreutils',
    'system',
    'uutils-coreutils-noprefix',
  ]);

  // Read back: under the folder that the paths were built for, as Nix has them.
  const debugfs = await tool('debugfs', pathOf(env));
  const read = (command: string): Promise<string> => outputOf('read the image', [debugfs, '-R', command, imagePath], { cwd: dir, env: {} });
  assert.is(await read(`cat ${toplevel}/init`), await readFile(join(toplevel, 'init'), 'utf8'));
  assert.match(await read(`stat ${toplevel}/init`), /Type: regular +Mode: +0555 [^]*User: +0 +Group: +0 /);
  assert.match(await read('stat /nix/var/nix/profiles/system'), /Type: symlink/);
  assert.is(await read('cat /nix/var/nix/profiles/system'), toplevel);
  assert.ok(image.bytes >= 16 * MiB);

  // Nothing changed: the image is kept.
  const before = await stat(imagePath);
  assert.is((await build(hostEnv, 'rust')).image.sha256, image.sha256);
  assert.equal([(await stat(imagePath)).ino, (await stat(imagePath)).mtimeMs], [before.ino, before.mtimeMs]);

  const log = join(dir, 'boot.log');
  const { verdict } = await bootTest(
    {
      machine: {
        ...{ firmware: 'bios', memoryBytes: 256 * MiB, cpus: 1, imageInterface: 'nvme' },
        kernel: { image: made.kernel, commandLine: made.commandLine },
      },
      image: imagePath,
      ...{ accelerator: 'tcg', cacheDir, env: { PATH: pathOf(env), TMPDIR: dir }, rules: linuxConsole },
      ...{ limits: { timeoutMs: 240_000, silenceMs: 120_000, graceMs: 300 }, steps: [], log },
    },
    context,
  );
  const said = (await readFile(log, 'latin1')).replaceAll('\r', '');
  assert.is(verdict.kind, 'booted', `${JSON.stringify(verdict)}\n${said.slice(-2000)}`);
  assert.match(said, /^greeter 0\.1\.0: /m);
  assert.match(said, 'rust-nixos login: ');
});

test.run();
