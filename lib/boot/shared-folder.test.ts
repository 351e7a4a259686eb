// Tests shared folders in a real QEMU. 9P is tested only with a guest that has no driver, because the kernel
// of the test guest lacks one. virtio-fs is tested with a real Linux if the host has virtiofsd.
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootSectorDisk } from '../dev/testing/boot-sector.ts';
import { guestPassword, linuxGuest } from '../dev/testing/linux-guest.ts';
import { console as linuxConsole } from '../../systems/linux/console.ts';
import { Shell } from '../console/shell.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { findVirtiofsd } from '../machine/shares.ts';
import { startMachine } from './start-machine.ts';

const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const root = await mkdtemp(join(tmpdir(), 'shared-folder-'));
test.after(() => rm(root, { recursive: true }));
const notes: string[] = [];
const context: Context = {
  signal: new AbortController().signal,
  report: (event) => void (event.kind === 'note' && notes.push(event.text)),
};
const common = { accelerator: 'tcg', cacheDir, env: { ...env, TMPDIR: root } } as const;

test('over 9P, QEMU starts with a folder that the guest may write to and one that it may not', async () => {
  const image = join(root, 'disk.img');
  await writeFile(image, bootSectorDisk([{ say: 'ready' }, { end: 'halt' }]));
  const machine: MachineDescription = {
    ...{ firmware: 'bios', memoryBytes: 32 * MiB, cpus: 1, imageInterface: 'ide' },
    shares: [
      { path: root, tag: 'work', readOnly: false },
      { path: root, tag: 'docs', readOnly: true },
    ],
    shareDriver: '9p',
  };
  const running = await startMachine({ ...common, machine, image }, context);
  try {
    await once(running.serial, 'data');
    assert.equal(
      notes.map((text) => text.replace(root, '')),
      [
        'The folder "" is shared with the tag "work". Linux mounts it with: mount -t 9p -o trans=virtio,version=9p2000.L,rw work /mnt',
        'The folder "" is shared with the tag "docs". Linux mounts it with: mount -t 9p -o trans=virtio,version=9p2000.L,ro docs /mnt',
      ],
    );
  } finally {
    await running.stop();
  }
});

if ((await findVirtiofsd(pathOf(env), context.signal)) !== undefined) {
  test('over virtio-fs, the guest reads and writes a folder', async () => {
    const guest = await linuxGuest(cacheDir, env);
    const folder = join(root, 'work, and more');
    await mkdir(folder);
    await writeFile(join(folder, 'from-host'), 'written by the host\n');
    const machine: MachineDescription = {
      ...{ firmware: 'bios', memoryBytes: 256 * MiB, cpus: 1, imageInterface: 'virtio' },
      kernel: { image: guest.kernel, initrd: guest.initrd, commandLine: guest.commandLine },
      shares: [{ path: folder, tag: 'work', readOnly: false }],
    };
    const running = await startMachine({ ...common, machine, image: undefined }, context);
    try {
      const shell = new Shell(running.serial, { stamp: linuxConsole.stamp, signal: context.signal, timeoutMs: 120_000 });
      await shell.login('root', guestPassword);
      const command = /mount -t virtiofs .*$/.exec(notes.at(-1) ?? '')?.[0];
      assert.equal(await shell.run(`mkdir /mnt; ${command}`), { output: '', status: 0 });
      assert.is((await shell.run('cat /mnt/from-host')).output, 'written by the host\n');
      assert.is((await shell.run('echo "written by the guest" >/mnt/from-guest; sync')).status, 0);
    } finally {
      await running.stop();
    }
    assert.is(await readFile(join(folder, 'from-guest'), 'utf8'), 'written by the guest\n');
  });
}

test.run();
