// The choice of the virtual machine monitor, with fake programs of a host, and the choice of the server for
// shared folders.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { prefersCloudHypervisor, suitsCloudHypervisor } from './cloud-hypervisor.ts';
import { mountWords, shareServer } from '../machine/shares.ts';
import type { MachineOrder } from './start-machine.ts';

const root = await mkdtemp(join(tmpdir(), 'cloud-hypervisor-'));
test.after(() => rm(root, { recursive: true }));
const context: Context = { signal: new AbortController().signal, report: () => undefined };

async function program(path: string, ...lines: readonly string[]): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
}

const machine: MachineDescription = {
  ...{ firmware: 'uefi', memoryBytes: 2 ** 30, cpus: 2, imageInterface: 'nvme' },
  prefersCloudHypervisor: true,
};

/** An order on the host whose programs are in `<root>/<host>`. */
function orderOn(host: string, changes: Partial<MachineDescription> = {}): MachineOrder {
  return {
    machine: { ...machine, ...changes },
    image: '/i.img',
    accelerator: 'auto',
    cacheDir: join(root, host, 'cache'),
    env: { PATH: join(root, host), TMPDIR: root },
  };
}

test('Cloud Hypervisor needs its program, its firmware and a KVM that works', async () => {
  const firmware = join(root, 'firmware');
  await program('firmware/usr/share/cloud-hypervisor/CLOUDHV.fd');
  await program('works/cloud-hypervisor');
  await program('works/qemu-system-x86_64', 'exit 33'); // the status of a probe that succeeds
  await program('broken/cloud-hypervisor');
  await program('broken/qemu-system-x86_64', 'exit 1');
  await program('without/qemu-system-x86_64', 'exit 33');
  assert.ok(await prefersCloudHypervisor(orderOn('works'), context, firmware));
  assert.not.ok(await prefersCloudHypervisor(orderOn('works'), context, root));
  assert.not.ok(await prefersCloudHypervisor(orderOn('broken'), context, firmware));
  assert.not.ok(await prefersCloudHypervisor(orderOn('without'), context, firmware));
});

test('a machine with a device that only QEMU has, or that is started in another way, is for QEMU', () => {
  assert.ok(suitsCloudHypervisor(orderOn('x')));
  assert.ok(suitsCloudHypervisor(orderOn('x', { network: { kind: 'tap', device: 'tap0' } })));
  assert.ok(suitsCloudHypervisor(orderOn('x', { shares: [{ path: '/a', tag: 'a', readOnly: false }] })));
  for (const changes of [
    { firmware: 'bios' },
    { kernel: { image: '/k', commandLine: '' } },
    { network: { kind: 'user', forwards: [] } },
    { display: { kind: 'hidden' } },
    { gdb: { port: 1234, wait: false } },
    { debugExit: { success: 1 } },
    { extraArguments: ['-device', 'x'] },
    { shares: [], shareDriver: '9p' },
  ] as const) {
    assert.not.ok(suitsCloudHypervisor(orderOn('x', changes)), JSON.stringify(changes));
  }
  assert.not.ok(suitsCloudHypervisor({ ...orderOn('x'), accelerator: 'tcg' }));
  assert.not.ok(suitsCloudHypervisor({ ...orderOn('x'), restore: '/snapshot' }));
  const { prefersCloudHypervisor: _, ...indifferent } = machine;
  assert.not.ok(suitsCloudHypervisor({ ...orderOn('x'), machine: indifferent }));
});

const shared = (changes: Partial<MachineDescription> = {}, path = root, readOnly = false): MachineDescription => ({
  ...machine,
  shares: [{ path, tag: 'share', readOnly }],
  ...changes,
});

async function refusal(monitor: 'qemu' | 'cloud-hypervisor', of: MachineDescription, path: string): Promise<string> {
  const error: unknown = await shareServer(monitor, of, path, context).catch((reason: unknown) => reason);
  return error instanceof Failure ? `${error.exitCode} ${error.message} | ${error.hint}` : `no failure: ${String(error)}`;
}

test('virtiofsd serves folders that the guest may write to; QEMU serves the others, and all with --share-driver 9p', async () => {
  await program('shares/virtiofsd', 'echo "virtiofsd 1.13.0"');
  const path = join(root, 'shares');
  const daemon = join(path, 'virtiofsd');
  assert.is(await shareServer('qemu', shared(), path, context), daemon);
  assert.is(await shareServer('qemu', shared({}, root, true), path, context), undefined);
  assert.is(await shareServer('qemu', shared({ shareDriver: 'virtiofs' }, root, true), path, context), daemon);
  assert.is(await shareServer('qemu', shared({ shareDriver: '9p' }), path, context), undefined);
  assert.is(await shareServer('cloud-hypervisor', shared({}, root, true), path, context), daemon);
  assert.is(await shareServer('qemu', machine, path, context), undefined);
});

test('the command that mounts a folder in a Linux guest depends on the driver', async () => {
  const share = { path: '/a', tag: 'docs', readOnly: true };
  const start = 'The folder "/a" is shared with the tag "docs". Linux mounts it with: mount -t ';
  assert.is(mountWords(share, '9p'), `${start}9p -o trans=virtio,version=9p2000.L,ro docs /mnt`);
  assert.is(mountWords({ ...share, readOnly: false }, 'virtiofs'), `${start}virtiofs -o rw docs /mnt`);
});

test('a folder that does not exist is a usage error, and so is a file', async () => {
  await program('file');
  assert.is(
    await refusal('qemu', shared({}, join(root, 'none')), root),
    `2 Cannot share "${join(root, 'none')}": it does not exist | undefined`,
  );
  assert.match(await refusal('qemu', shared({}, join(root, 'file')), root), /^2 Cannot share ".*": it is not a folder/);
});

test.run();
