// OSDK.toml: which of several values counts, older names, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { osdkManifestPath, readOsdkManifest } from './manifest.ts';
import type { OsdkManifest } from './manifest.ts';

const dir = mkdtempSync(join(tmpdir(), 'bloomery-osdk-'));
const path = join(dir, 'OSDK.toml');
test.after(() => rmSync(dir, { recursive: true }));

async function manifest(text: string): Promise<OsdkManifest> {
  writeFileSync(path, text);
  return await readOsdkManifest(path);
}

async function refusal(text: string): Promise<string> {
  const error = await manifest(text).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Failure ? `${error.message.replace(path, 'OSDK.toml')}${error.hint ? `; ${error.hint}` : ''}` : 'read';
}

test('a value of the scheme counts before one of the action, and that before one of the top', async () => {
  const { settings, schemes } = await manifest(`
    project_type = "kernel"
    [build]
    features = ["top"]
    [boot]
    method = "grub-rescue-iso"
    kcmd_args = ["top"]
    initramfs = "build/initramfs.cpio.gz"
    [grub]
    boot_protocol = "multiboot2"
    [qemu]
    args = "$(./tools/qemu_args.sh normal)"
    [run.boot]
    kcmd_args = ["of run"]
    init_args = ["sh", "-l"]
    [test.qemu]
    args = "$(./tools/qemu_args.sh test)"
    [scheme."microvm"]
    boot.method = "direct-elf"
    build.strip_elf = true
    [scheme."iommu"]
    boot.kcmd_args = ["of the scheme"]
    run.boot.init_args = ["of run in the scheme"]
  `);
  assert.equal(schemes, ['microvm', 'iommu']);
  const top = settings('test');
  assert.equal([top.features, top.kernelArguments, top.initArguments], [['top'], ['top'], []]);
  assert.is(top.qemuArguments, '$(./tools/qemu_args.sh test)');
  assert.is(top.initramfs, join(dir, 'build/initramfs.cpio.gz'));
  const run = settings('run');
  assert.equal([run.kernelArguments, run.initArguments, run.qemuArguments], [['of run'], ['sh', '-l'], '$(./tools/qemu_args.sh normal)']);
  const micro = settings('run', 'microvm');
  assert.equal([micro.bootMethod, micro.stripElf, micro.kernelArguments], ['direct-elf', true, ['of run']]);
  const iommu = settings('build', 'iommu');
  assert.equal(
    [iommu.bootMethod, iommu.kernelArguments, iommu.initArguments],
    ['grub-rescue-iso', ['of the scheme'], ['of run in the scheme']],
  );
});

test('an empty file means the defaults, and older names mean the same as newer ones', async () => {
  const { settings, projectType } = await manifest('');
  assert.is(projectType, undefined);
  const { bootMethod, grubProtocol, profile, encoding } = settings('run');
  assert.equal([bootMethod, grubProtocol, profile, encoding], ['direct-elf', 'multiboot2', 'dev', 'raw']);
  const older = (await manifest('[boot]\nmethod = "qemu-direct"\n[grub]\nprotocol = "linux"\n')).settings('run');
  assert.equal([older.bootMethod, older.grubProtocol], ['direct-elf', 'linux']);
});

test('what the file may not have is named with its path and the nearest right word', async () => {
  assert.match(
    await refusal('[boot]\nmethd = "direct-elf"\n'),
    /^Cannot read "OSDK.toml": boot.methd: there is no such field; did you mean method\?/,
  );
  assert.match(await refusal('[boott]\n'), /^Cannot read "OSDK.toml": boott: there is no such field; did you mean boot\?/);
  assert.match(
    await refusal('[scheme."a b".run.qemu]\narg = ""\n'),
    /: scheme."a b".run.qemu.arg: there is no such field; did you mean args\?/,
  );
  assert.match(await refusal('[boot]\nmethod = "direct-eld"\n'), /: boot.method: "direct-eld" is not one of .*; did you mean direct-elf\?$/);
  assert.match(await refusal('[build]\nfeatures = "all"\n'), /: build.features: it must be an array of strings/);
  assert.match(await refusal('[boot\n'), /^Cannot read "OSDK.toml": line 1: /);
  const { settings } = await manifest('[scheme.tdx]\n');
  assert.throws(() => settings('run', 'tdy'), /Cannot use the scheme "tdy" of ".*": its schemes are tdx/);
});

test('the file of a package is in its folder or above it', () => {
  writeFileSync(path, '');
  assert.is(osdkManifestPath(join(dir, 'kernel/core')), path);
});

test.run();
