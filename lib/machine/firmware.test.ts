// Where firmware is found: on this host, and in folders with the layout of each distribution.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { pathOf } from '../core/paths.ts';
import { tool } from '../core/tools.ts';
import { uefiFlash } from './firmware.ts';
import { qemuProgram } from './qemu/command-line.ts';

let root = '';
let qemu = '';

test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'firmware-test-'));
  qemu = await put('nix/store/qemu/bin/qemu-system-x86_64');
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

async function put(path: string): Promise<string> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, '');
  return file;
}

test('this host has firmware', async () => {
  const flash = await uefiFlash(await tool(qemuProgram, pathOf(process.env)));
  assert.match(flash.code, /code/i);
  assert.match(flash.variables, /vars/i);
});

test('the 4 MiB build is preferred to the 2 MiB one, with the variables of the same size', async () => {
  for (const size of ['', '_4M']) {
    await put(`usr/share/OVMF/OVMF_CODE${size}.fd`);
    await put(`usr/share/OVMF/OVMF_VARS${size}.fd`);
  }
  const flash = await uefiFlash(qemu, root);
  assert.equal(flash, {
    code: join(root, 'usr/share/OVMF/OVMF_CODE_4M.fd'),
    variables: join(root, 'usr/share/OVMF/OVMF_VARS_4M.fd'),
    format: 'raw',
  });
});

test('code without its variables is passed over', async () => {
  await put('usr/share/OVMF/OVMF_CODE_4M.fd');
  await put('usr/share/OVMF/OVMF_CODE.fd');
  await put('usr/share/OVMF/OVMF_VARS.fd');
  assert.is((await uefiFlash(qemu, root)).code, join(root, 'usr/share/OVMF/OVMF_CODE.fd'));
});

test("Fedora's qcow2 firmware is recognized", async () => {
  await put('usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2');
  await put('usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2');
  assert.is((await uefiFlash(qemu, root)).format, 'qcow2');
});

test('the firmware in the folder of QEMU is found through a link, as in a Nix profile', async () => {
  await put('nix/store/qemu/share/qemu/edk2-x86_64-code.fd');
  await put('nix/store/qemu/share/qemu/edk2-i386-vars.fd');
  await symlink(qemu, join(root, 'qemu'));
  assert.is((await uefiFlash(join(root, 'qemu'), root)).code, join(root, 'nix/store/qemu/share/qemu/edk2-x86_64-code.fd'));
});

test('no firmware is a lack of the host, with the packages that have it', async () => {
  const error: unknown = await uefiFlash(qemu, root).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(error.exitCode, 69);
  assert.match(error.message, /^Cannot find UEFI firmware: /);
  assert.match(error.hint ?? '', 'ovmf');
});

test.run();
