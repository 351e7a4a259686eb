// Machines started and ended for real (QEMU, TCG), with a boot sector as the guest.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootSectorDisk } from '../../dev/testing/boot-sector.ts';
import type { GuestStep } from '../../dev/testing/boot-sector.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { start } from '../../core/sh.ts';
import { tool } from '../../core/tools.ts';
import { launch } from './launch.ts';
import type { Launch } from './launch.ts';
import type { RunningMachine } from '../machine.ts';
import { qemuProgram } from './command-line.ts';

const signal = new AbortController().signal;
const qemu = await tool(qemuProgram, pathOf(process.env));
/** Far more than a boot sector needs on a busy host. */
const patienceMs = 30_000;
let root = '';

test.before(async () => {
  root = await mkdtemp(join(tmpdir(), 'launch-test-'));
});
test.after(async () => {
  await rm(root, { recursive: true });
});

async function plan(steps: readonly GuestStep[], more: Partial<Launch> = {}): Promise<Launch> {
  const path = join(root, `disk ${Math.abs(JSON.stringify(steps).length)}, with a comma.img`);
  await writeFile(path, bootSectorDisk(steps));
  const machine = { firmware: 'bios', memoryBytes: 32 << 20, cpus: 1, imageInterface: 'ide' } as const;
  return { qemu, machine, accelerator: 'tcg', disks: [{ path, interface: 'ide' }], flash: undefined, tempRoot: root, ...more };
}

/** Reads the console until `wanted` has come. */
async function heard(machine: RunningMachine, wanted: string): Promise<string> {
  let text = '';
  return await new Promise((resolve, reject) => {
    const done = (end: () => void): void => {
      clearTimeout(timer);
      machine.serial.off('data', hear);
      end();
    };
    const timer = setTimeout(
      () => done(() => reject(new Error(`waited in vain for "${wanted}"; heard ${JSON.stringify(text)}`))),
      patienceMs,
    );
    const hear = (bytes: Buffer): void => {
      text += String(bytes);
      if (text.includes(wanted)) done(() => resolve(text));
    };
    machine.serial.on('data', hear);
  });
}

async function runDirectories(): Promise<readonly string[]> {
  return (await readdir(root)).filter((name) => name.startsWith('bloomery-machine-'));
}

test('a machine sends and receives over its serial port, and nothing is left when it is stopped', async () => {
  const machine = await launch(await plan([{ say: 'ready> ' }, { await: 'enter' }, { say: 'thanks' }, { end: 'halt' }]), { signal });
  assert.is(await heard(machine, 'ready> '), 'ready> ');
  machine.serial.write('hi\r');
  assert.is(await heard(machine, 'thanks'), 'hi\rthanks');
  await machine.stop();
  assert.equal(await runDirectories(), []);
  assert.not.ok(isAlive(machine.pid));
});

test('another client may use the console too, until the machine is released', async () => {
  const machine = await launch(await plan([{ say: 'ready> ' }, { await: 'enter' }, { say: 'thanks' }, { end: 'halt' }]), { signal });
  await heard(machine, 'ready> ');
  const visitor = createConnection(machine.attachPath);
  visitor.write('me too\r');
  let text = '';
  const answered = new Promise<void>((resolve) => {
    visitor.on('data', (bytes) => {
      text += String(bytes);
      if (text.endsWith('thanks')) resolve();
    });
  });
  await answered;
  assert.is(text, 'me too\rthanks');
  await machine.release();
  assert.equal(await runDirectories(), []);
  assert.ok(isAlive(machine.pid), 'the machine keeps running without its files');
  await machine.stop();
});

test('a machine that powers itself off, or resets, ends by itself with status 0', async () => {
  for (const end of ['power-off', 'reset'] as const) {
    const machine = await launch(await plan([{ say: 'bye' }, { end }]), { signal });
    assert.is(await heard(machine, 'bye'), 'bye');
    machine.serial.resume();
    assert.is((await machine.ended).exitCode, 0, end);
    await machine.stop();
  }
  assert.equal(await runDirectories(), []);
});

test('an image is never changed, and may be booted twice at a time', async () => {
  const order = await plan([{ say: 'x' }, { end: 'halt' }]);
  const machines = await Promise.all([launch(order, { signal }), launch(order, { signal })]);
  for (const machine of machines) await heard(machine, 'x');
  await Promise.all(machines.map((machine) => machine.stop()));
  assert.equal(await runDirectories(), []);
});

test('a QEMU that refuses its arguments is a failure of the host, in its own words', async () => {
  const order = await plan([{ end: 'halt' }]);
  const bad = { ...order, machine: { ...order.machine, extraArguments: ['-no-such-thing'] } };
  const error: unknown = await launch(bad, { signal }).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(error.message, 'Cannot start the machine: QEMU ended with status 1');
  assert.is(error.exitCode, 69);
  assert.match(error.detail ?? '', '-no-such-thing: invalid option');
  assert.equal(await runDirectories(), []);
});

test('an aborted run ends the machine and leaves nothing', async () => {
  const abort = new AbortController();
  const machine = await launch(await plan([{ say: 'x' }, { end: 'halt' }]), { signal: abort.signal });
  await heard(machine, 'x');
  abort.abort(new Error('stop'));
  machine.serial.resume();
  const end = await machine.ended;
  assert.is(end.exitCode ?? end.killedBy, 0);
  await machine.stop();
  assert.equal(await runDirectories(), []);
});

test('when we are killed by SIGKILL, QEMU dies with us and no file is left', async () => {
  const order = await plan([{ say: 'x' }, { end: 'spin' }]);
  const code = `
    import { launch } from ${JSON.stringify(fileURLToPath(new URL('launch.ts', import.meta.url)))};
    const machine = await launch(${JSON.stringify(order)}, { signal: new AbortController().signal });
    machine.serial.once('data', async () => { await machine.release(); process.stderr.write('pid ' + machine.pid); });`;
  let said = '';
  let tell = (): void => undefined;
  const up = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const parent = start([process.execPath, '--input-type=module', '-e', code], {
    cwd: root,
    env: { PATH: pathOf(process.env) },
    onStderr: (chunk) => {
      said += chunk;
      if (/pid \d+/.test(said)) tell();
    },
  });
  await Promise.race([up, parent.ended]);
  const pid = Number(/pid (\d+)/.exec(said)?.[1]);
  assert.ok(isAlive(pid), said);
  process.kill(parent.pid, 'SIGKILL');
  await parent.ended;
  await until(() => !isAlive(pid), `QEMU ${pid} to end`);
  assert.equal(await runDirectories(), []);
});

/** Alive, and not only waiting to be reaped. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const giveUpMs = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > giveUpMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

test.run();
