// Tests the install medium: an unattended installation on an empty disk, which then boots, and the disks that
// the medium refuses.
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestFile } from '../core/digest.ts';
import { GiB, MiB } from '../core/sizes.ts';
import { run } from '../core/sh.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const dir = await mkdtemp(join(tmpdir(), 'installer-'));
test.after(() => rm(dir, { recursive: true, force: true }));
const medium = join(dir, 'asterinas-installer.iso');

interface Booted {
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly verdict: { readonly kind: string; readonly line?: string };
  readonly text: string;
}

/** Boots an image by the command that users type. */
async function boot(image: string, words: readonly string[]): Promise<Booted> {
  const log = join(dir, 'boot.log');
  const flags = ['--image', image, '--system', 'asterinas', '--accel', 'tcg', '--timeout', '300', '--quiet', '--json', '--log', log];
  const { exitCode, stdout, stderr } = await run([process.execPath, 'test-boot.ts', ...flags, ...words], { cwd: project, env });
  assert.match(stdout, '{', stderr);
  return { exitCode, stderr, text: await readFile(log, 'utf8'), ...JSON.parse(stdout.trim().split('\n').at(-1) ?? '') };
}

const install = (disk: string): Promise<Booted> => boot(medium, ['--profile', 'installer', '--disk', disk]);

async function disk(name: string, sizeBytes: number): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, '');
  await truncate(path, sizeBytes);
  return path;
}

test('an empty disk of 2 GiB is installed, and then starts by itself', async () => {
  const built = await run([process.execPath, 'tasks/build.ts', 'asterinas', '--profile', 'installer', '--out', dir], { cwd: project, env });
  assert.is(built.exitCode, 0, built.stderr);
  const target = join(dir, 'target.img');
  const installed = await install(target);
  assert.is(installed.exitCode, 0, installed.stderr + installed.text);
  assert.match(installed.text, 'Congratulations! Asterinas NixOS has been installed successfully!');
  assert.is((await stat(target)).size, 2 * GiB);
  const checked = await run(['sfdisk', '--verify', target], { cwd: dir, env: { ...env, PATH: `${env['PATH']}:/usr/sbin:/sbin` } });
  assert.match(checked.stdout + checked.stderr, 'No errors detected.');
  const { exitCode, text } = await boot(target, ['--profile', 'disk']);
  assert.is(exitCode, 0, text);
  assert.match(text, /boot: protocol multiboot2, /);
  assert.match(text, 'Successfully booted.');
  // The medium starts itself, although the disk has a GRUB too.
  const again = await install(target);
  assert.is(again.exitCode, 1, again.text);
  assert.match(again.verdict.line ?? '', /^Cannot install: \/dev\/vda is not empty/);
});

test('a disk that is too small is refused and not changed', async () => {
  for (const [path, why] of [[await disk('small.img', 64 * MiB), '/dev/vda has 64 MiB, and \\d+ MiB are needed']] as const) {
    const before = await digestFile(path);
    const { exitCode, verdict } = await install(path);
    assert.is(exitCode, 1);
    assert.is(verdict.kind, 'failed');
    assert.match(verdict.line ?? '', new RegExp(`^Cannot install: ${why}`));
    assert.is(await digestFile(path), before);
  }
});

test.run();
