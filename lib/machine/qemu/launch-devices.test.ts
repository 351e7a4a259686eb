// Devices of machines that are started for real (QEMU, TCG), with a boot sector as the guest: gdb, VNC and
// pictures of the screen.
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootSectorDisk } from '../../dev/testing/boot-sector.ts';
import { pathOf } from '../../core/paths.ts';
import { tool } from '../../core/tools.ts';
import { launch } from './launch.ts';
import { firstVncPort } from '../machine.ts';
import type { RunningMachine, MachineDescription } from '../machine.ts';
import { freePort } from '../ports.ts';
import { qemuProgram } from './command-line.ts';

const { signal } = new AbortController();
const qemu = await tool(qemuProgram, pathOf(process.env));
const host = '127.0.0.1';
const root = await mkdtemp(join(tmpdir(), 'launch-devices-'));
test.after(() => rm(root, { recursive: true }));

/** Calls a function with a machine whose guest prints "ready" and halts. */
async function withMachine(devices: Partial<MachineDescription>, work: (machine: RunningMachine) => Promise<void>): Promise<void> {
  const path = join(root, 'disk.img');
  await writeFile(path, bootSectorDisk([{ say: 'ready' }, { end: 'halt' }]));
  const machine: MachineDescription = { firmware: 'bios', memoryBytes: 32 << 20, cpus: 1, imageInterface: 'ide', ...devices };
  const disks = [{ path, interface: 'ide' }] as const;
  const running = await launch({ qemu, machine, accelerator: 'tcg', disks, flash: undefined, tempRoot: root }, { signal });
  try {
    await work(running);
  } finally {
    await running.stop();
  }
}

/** A free port. The process id makes it unlikely that another test uses it first. */
async function port(first: number): Promise<number> {
  const found = await freePort(host, first + (process.pid % 1000), 500);
  if (found === undefined) throw new Error('this host has no free port');
  return found;
}

test('a machine that waits for gdb runs when gdb starts it', async () => {
  const gdbPort = await port(21_000);
  await withMachine({ gdb: { port: gdbPort, wait: true } }, async (machine) => {
    assert.is((await machine.control?.info())?.state, 'prelaunch');
    const gdb = createConnection(gdbPort, host);
    await once(gdb, 'connect');
    gdb.write('$c#63'); // "continue" in the serial protocol of gdb
    const [bytes] = await once(machine.serial, 'data');
    assert.ok('ready'.startsWith(String(bytes)), String(bytes));
    gdb.destroy();
  });
});

test('a VNC viewer finds a server at the port of the display', async () => {
  const number = (await port(firstVncPort + 100)) - firstVncPort;
  await withMachine({ display: { kind: 'vnc', host, number } }, async ({ control }) => {
    await control?.info(); // QEMU answers when all its servers listen
    const viewer = createConnection(firstVncPort + number, host);
    const [bytes] = await once(viewer, 'data');
    assert.is(String(bytes), 'RFB 003.008\n');
    viewer.destroy();
  });
});

test('the screen is written as PPM or PNG; a machine without one, or a folder that does not exist, is a failure', async () => {
  await withMachine({ display: { kind: 'hidden' } }, async ({ control }) => {
    await control?.screenshot(join(root, 'a.ppm'), 'ppm');
    assert.match((await readFile(join(root, 'a.ppm'))).subarray(0, 15).toString('latin1'), /^P6\n\d+ \d+\n255\n/);
    await control?.screenshot(join(root, 'a.png'), 'png');
    assert.is((await readFile(join(root, 'a.png'))).subarray(1, 4).toString('latin1'), 'PNG');
    const error: unknown = await control?.screenshot(join(root, 'none/a.ppm'), 'ppm').catch((reason: unknown) => reason);
    assert.match(String(error), /Cannot have QEMU do "screendump": .*No such file/);
  });
  await withMachine({}, async ({ control }) => {
    const error: unknown = await control?.screenshot(join(root, 'b.ppm'), 'ppm').catch((reason: unknown) => reason);
    assert.match(String(error), 'Cannot have QEMU do "screendump": ');
  });
});

test.run();
