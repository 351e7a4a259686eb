// OSDK.toml: the priority of values, older names, and refused files.
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
    qemu.args = "$(./tools/qemu_args.sh iommu)"
    run.boot.init_args = ["of run in the scheme"]
  `);
  assert.equal(schemes, ['microvm', 'iommu']);
  const top = settings('test');
  assert.equal([top.features, top.defaultFeatures, top.kernelArguments, top.initArguments], [['top'], true, ['top'], []]);
  assert.is(top.qemuArguments, '$(./tools/qemu_args.sh test)');
  assert.is(top.initramfs, join(dir, 'build/initramfs.cpio.gz'));
  const run = settings('run');
  assert.equal(
    [run.kernelArguments, run.initArguments, run.qemuArguments],
    [['top', 'of run'], ['sh', '-l'], '$(./tools/qemu_args.sh normal)'],
  );
  const micro = settings('run', 'microvm');
  assert.equal([micro.bootMethod, micro.stripElf, micro.kernelArguments], ['direct-elf', true, ['top', 'of run']]);
  const iommu = settings('build', 'iommu');
  assert.equal(
    [iommu.bootMethod, iommu.kernelArguments, iommu.initArguments],
    ['grub-rescue-iso', ['top', 'of the scheme', 'of run'], ['sh', '-l', 'of run in the scheme']],
  );
  assert.is(settings('test', 'iommu').qemuArguments, '$(./tools/qemu_args.sh iommu)', 'also before that of the action');
});

test('a file in the shape of upstream is read: architectures of schemes, long texts, names of each age', async () => {
  const { settings, schemes } = await manifest(`
    project_type = "kernel"
    supported_archs = ["x86_64", "riscv64"]
    [boot]
    method = "grub-rescue-iso"
    [grub]
    mkrescue_path = "/usr/bin/grub-mkrescue"
    display_grub_menu = true
    [qemu]
    log_file = "serial.log"
    args = """\\
        -machine q35 \\
        -smp $SMP \\
    """
    [test]
    boot.method = "direct-elf"
    [scheme."microvm"]
    supported_archs = ["x86_64"]
    build.no_default_features = true
    build.linux_x86_legacy_boot = true
    grub.grub_mkrescue = "mine"
    [scheme."riscv"]
    supported_archs = ["riscv64"]
    build.strip_elf = false
    qemu.with_monitor = true
    [[scheme."riscv".qemu.daemons]]
    path = "virtiofsd"
    args = ["--socket-path=x"]
  `);
  assert.equal(schemes, ['microvm', 'riscv']);
  assert.match(settings('run').qemuArguments ?? '', /^-machine q35 -smp \$SMP $/);
  const { defaultFeatures, linuxLegacyBoot, grubMkrescue } = settings('run', 'microvm');
  assert.equal([defaultFeatures, linuxLegacyBoot, grubMkrescue], [false, true, 'mine']);
  assert.throws(() => settings('run', 'riscv'), 'it is for riscv64, and kernels are built for x86_64');
});

test('an empty file means the defaults, and older names mean the same as newer ones', async () => {
  const { settings, projectType } = await manifest('');
  assert.is(projectType, undefined);
  const { bootMethod, grubProtocol, profile, encoding } = settings('run');
  assert.equal([bootMethod, grubProtocol, profile, encoding], ['direct-elf', 'multiboot2', 'dev', 'raw']);
  const older = (await manifest('[boot]\nmethod = "qemu-direct"\n[grub]\nprotocol = "linux"\n')).settings('run');
  assert.equal([older.bootMethod, older.grubProtocol], ['direct-elf', 'linux']);
});

test('an unknown key is named with its path and the nearest known word', async () => {
  assert.match(
    await refusal('[boot]\nmethd = "direct-elf"\n'),
    /^Cannot read "OSDK.toml": boot.methd: there is no such field; did you mean method\?/,
  );
  assert.match(await refusal('[boott]\n'), /^Cannot read "OSDK.toml": boott: there is no such field; did you mean boot\?/);
  assert.match(
    await refusal('[scheme."a b".run.qemu]\narg = ""\n'),
    /: scheme."a b".run.qemu.arg: there is no such field; did you mean args\?/,
  );
  assert.match(
    await refusal('[boot]\nmethod = "direct-eld"\n'),
    /: boot.method: "direct-eld" is not one of .*; did you mean direct-elf\?$/,
  );
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
