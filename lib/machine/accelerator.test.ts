// The KVM probe: its program in the real QEMU, and its results with a fake QEMU.
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { pathOf } from '../core/paths.ts';
import { tool } from '../core/tools.ts';
import { accelerator, probe } from './accelerator.ts';
import { qemuProgram } from './qemu/command-line.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
let root = '';

test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'accel-'));
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

/** A fake QEMU that records the call, prints a text and ends. */
async function puppet(says: string, status: number): Promise<string> {
  const path = join(root, 'qemu-system-x86_64');
  await writeFile(path, `#!/bin/sh\necho called >> ${root}/calls\necho "qemu-system-x86_64: ${says}" >&2\nexit ${status}\n`);
  await chmod(path, 0o755);
  return path;
}

async function calls(): Promise<number> {
  return (await readFile(join(root, 'calls'), 'utf8')).split('\n').length - 1;
}

test('the probe program runs to its end under TCG: protected mode, memory, CPUID', async () => {
  const qemu = await tool(qemuProgram, pathOf(process.env));
  assert.is(await probe('tcg', { qemu, cacheDir: root, tempRoot: root }, context), undefined);
  assert.equal(await readdir(root), []);
});

test('a KVM that fails falls back to TCG, and is asked only once', async () => {
  const host = { qemu: await puppet('failed to initialize kvm: No such file', 1), cacheDir: join(root, 'cache'), tempRoot: root };
  assert.is(await accelerator('auto', host, context), 'tcg');
  assert.is(await accelerator('auto', host, context), 'tcg');
  assert.is(await calls(), 1);
});

test('a KVM that runs the probe is taken', async () => {
  const host = { qemu: await puppet('fine', 0x21), cacheDir: join(root, 'cache'), tempRoot: root };
  assert.is(await accelerator('auto', host, context), 'kvm');
  assert.is(await accelerator('kvm', host, context), 'kvm');
});

test('another QEMU is probed again', async () => {
  const cacheDir = join(root, 'cache');
  assert.is(await accelerator('auto', { qemu: await puppet('no', 1), cacheDir, tempRoot: root }, context), 'tcg');
  assert.is(await accelerator('auto', { qemu: await puppet('yes, and longer', 0x21), cacheDir, tempRoot: root }, context), 'kvm');
});

test("--accel kvm without a working KVM is a failure of the host, with QEMU's message", async () => {
  const host = { qemu: await puppet('failed to initialize kvm: Permission denied', 1), cacheDir: join(root, 'cache'), tempRoot: root };
  const error: unknown = await accelerator('kvm', host, context).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(error.message, 'Cannot use KVM: failed to initialize kvm: Permission denied');
  assert.is(error.exitCode, 69);
});

test('TCG is not probed', async () => {
  const host = { qemu: '/nonexistent', cacheDir: join(root, 'cache'), tempRoot: root };
  assert.is(await accelerator('tcg', host, context), 'tcg');
});

test.run();
