// Single files of packages: found by a pattern in a package from dpkg-deb; and mistakes in locks, patterns
// and archives.
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf } from '../../core/sh.ts';
import { archivePath } from '../archives.ts';
import { packagedFile } from './single-package.ts';
import type { PackageHost } from './single-package.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const env = { PATH: pathOf(process.env) };
const dir = await mkdtemp(join(tmpdir(), 'single-package-'));
test.after(() => rm(dir, { recursive: true, force: true }));

/** A separate cache with one package, which is in the lock as "kernel". */
async function host(name: string): Promise<PackageHost & { readonly archive: string }> {
  const [cacheDir, tree, deb] = [join(dir, name), join(dir, `${name}-tree`), join(dir, `${name}.deb`)];
  const control = 'Package: image\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n';
  for (const [path, text] of Object.entries({
    'DEBIAN/control': control,
    'boot/vmlinuz-6': 'six',
    'boot/config-6': '',
    'boot/config-7': '',
  })) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), text);
  }
  await outputOf('make a package', ['dpkg-deb', '--root-owner-group', '-b', tree, deb], { cwd: dir, env });
  const { size } = await stat(deb);
  const locked = {
    name: 'image',
    version: '1',
    path: 'pool/image.deb',
    sizeBytes: size,
    sha256: await digestFile(deb),
    uses: ['single kernel'],
  };
  const archive = archivePath(cacheDir, locked);
  await mkdir(dirname(archive), { recursive: true });
  await writeFile(archive, await readFile(deb));
  return { lock: { archives: [locked] }, cacheDir, env, archive };
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

test('a file is found by a pattern, also when the archive is gone', async () => {
  const own = await host('found');
  const path = await packagedFile('kernel:boot/vmlinuz-*', own, context);
  assert.is(await readFile(path, 'utf8'), 'six');
  await rm(own.archive);
  assert.is(await packagedFile('kernel:boot/vmlinuz-*', own, context), path);
});

test('a pattern that fits no file or several, and a package that the lock does not have, are named', async () => {
  const own = await host('patterns');
  const message = async (name: string): Promise<string> => (await failureOf(packagedFile(name, own, context))).message;
  assert.is(await message('kernel:boot/config-*'), 'Cannot find "kernel:boot/config-*": the package has 2 such files');
  assert.is(await message('kernel:boot/initrd'), 'Cannot find "kernel:boot/initrd": the package has 0 such files');
  assert.is(await message('loader:boot/x'), 'Cannot find the package "loader": it is not in the lock');
});

test('a missing archive, and one with other bytes, are failures of the host; a damaged one is removed', async () => {
  const own = await host('damaged');
  await writeFile(own.archive, 'damaged');
  const damaged = await failureOf(packagedFile('kernel:boot/vmlinuz-*', own, context));
  assert.equal([damaged.exitCode, damaged.message], [69, 'Cannot unpack image 1: its archive was damaged; it has been removed']);
  const absent = await failureOf(packagedFile('kernel:boot/vmlinuz-*', own, context));
  assert.equal(
    [absent.exitCode, absent.message, absent.hint],
    [69, 'Cannot unpack image 1: it has not been fetched', 'run tasks/fetch.ts'],
  );
});

test.run();
