// A page and a configuration give an image: sizes, rows, and the effect on each package.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { system as redox } from '../../systems/redox.ts';
import { Failure } from '../core/errors.ts';
import { MiB } from '../core/sizes.ts';
import { configuredSystem } from './configured-system.ts';
import type { ConfigurationRequest, ConfiguredSystem } from './configured-system.ts';
import { imageOf, isConfigured, profileOf } from '../system/system.ts';

const root = join(import.meta.dirname, '../../systems');
const dir = await mkdtemp(join(tmpdir(), 'bloomery-configured-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const bundled: ConfigurationRequest = {
  system: redox,
  profile: 'default',
  recipes: new Set(),
  sources: { kind: 'bundled', local: {} },
  root,
};

/** The page with a configuration of this text. */
async function own(text: string, changes: Partial<ConfigurationRequest> = {}): Promise<ConfiguredSystem> {
  await writeFile(join(dir, 'my.toml'), text);
  return await configuredSystem({ ...bundled, config: join(dir, 'my.toml'), ...changes });
}

async function failure(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('every profile of the page has a valid configuration with the sizes that the file system needs', async () => {
  for (const profile of Object.keys(redox.profiles)) {
    assert.ok(isConfigured(redox, profile));
    const { system, packages } = await configuredSystem({ ...bundled, profile });
    const image = imageOf(system, profile);
    assert.is(image.sizeBytes, (profile === 'graphical' ? 1024 : 512) * MiB);
    const [esp, rest] = image.partitions;
    assert.is(esp?.sizeBytes, 200 * MiB);
    const files = rest?.files ?? {};
    for (const path of ['etc/passwd', 'etc/group', 'etc/shadow', 'etc/hostname', 'usr/lib/init.d/30_console', 'boot/kernel', 'dev/null'])
      assert.ok(path in files, `${profile}: ${path}`);
    assert.equal(files['tmp'], { folder: true, mode: 0o1777 });
    assert.equal(packages.components, ['bootloader', 'bootstrap', 'kernel']);
    assert.ok(packages.leftOut.includes('ion'));
  }
});

test('a configuration of the user includes those of the page; the firmware gets a part of a small disk', async () => {
  const { system, profile } = await own('include = ["minimal.toml"]\n[general]\nfilesystem_size = 256\n[users.admin]\nuid = 1001\n');
  assert.is(profile, 'my');
  const image = imageOf(system, 'my');
  assert.is(image.sizeBytes, 256 * MiB);
  assert.is(image.partitions[0]?.sizeBytes, 102 * MiB);
  const passwd = image.partitions[1]?.files['etc/passwd'];
  assert.ok(passwd && 'text' in passwd && passwd.text.includes('admin;1001;1001;'));
  const tiny = imageOf((await own('[general]\nfilesystem_size = 64\n')).system, 'my');
  assert.is(tiny.partitions[0]?.sizeBytes, 34 * MiB);
  assert.is(imageOf((await own('', { sizeMiB: 300 })).system, 'my').sizeBytes, 300 * MiB);
});

test('a package is a recipe, a component, or left out; an unknown one is named with its file', async () => {
  const { packages } = await own('[packages]\nwords = {}\nkernel = {}\nion = {}\n', { recipes: new Set(['words']) });
  assert.equal(packages, { components: ['kernel'], recipes: ['words'], leftOut: ['ion'] });
  const { message, hint } = await failure(own('[packages]\nkernl = {}\n'));
  assert.is(message, `Cannot install the package "kernl" of "${dir}/my.toml": there is no recipe and no component of that name`);
  assert.is(hint, 'did you mean kernel?');
});

test("packages of upstream's sources are components with their own rows, and the initfs is upstream's", async () => {
  const { system, packages } = await configuredSystem({ ...bundled, sources: { kind: 'upstream', local: {} } });
  assert.equal(packages.leftOut, []);
  assert.ok(packages.components.includes('ion') && system.components['ion']?.cargo.triple === 'x86_64-unknown-redox');
  const files = imageOf(system, 'default').partitions[1]?.files ?? {};
  assert.equal(files['usr/bin/ion'], { made: 'ion/ion' });
  const initfs = files['boot/initfs'];
  assert.ok(initfs && 'initfs' in initfs && 'bin/pcid' in initfs.initfs.files);
});

test('a local checkout of a package is installed although the other sources are bundled', async () => {
  const { system, packages } = await configuredSystem({ ...bundled, sources: { kind: 'bundled', local: { ion: '/mine/ion' } } });
  assert.ok(packages.components.includes('ion'));
  assert.not.ok(packages.leftOut.includes('ion'));
  assert.ok('usr/bin/sh' in (imageOf(system, 'default').partitions[1]?.files ?? {}));
});

test('a profile without a configuration is named', async () => {
  const { title, cargoProfile } = profileOf(redox, 'default');
  const plain = { ...redox, profiles: { ...redox.profiles, default: { title, cargoProfile } } };
  const { exitCode, message } = await failure(configuredSystem({ ...bundled, system: plain }));
  assert.equal([exitCode, message], [2, 'Cannot configure redox: its profile "default" has no configuration']);
});

test('a system without configurations accepts none', async () => {
  const { configurations: _, ...plain } = redox;
  const { exitCode } = await failure(configuredSystem({ ...bundled, system: plain }));
  assert.is(exitCode, 2);
  assert.not(isConfigured(plain, 'default'));
});

test.run();
