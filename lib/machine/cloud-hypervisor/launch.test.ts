// The launch of Cloud Hypervisor with a fake program that listens on the given socket: the test needs neither
// the real program nor KVM.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MiB } from '../../core/sizes.ts';
import { launchCloudHypervisor } from './launch.ts';

const root = await mkdtemp(join(tmpdir(), 'ch-'));
test.after(() => rm(root, { recursive: true }));
const image = join(root, 'disk.img');
await writeFile(image, 'the image');
const context = { signal: new AbortController().signal };

/** Writes to its serial line and its disk, and ends as `end` defines. */
async function standIn(name: string, end: string): Promise<Parameters<typeof launchCloudHypervisor>[0]> {
  const program = join(root, name);
  const script = [
    `#!${process.execPath}`,
    'const { writeFileSync } = require("node:fs");',
    'const after = (word) => process.argv[process.argv.indexOf(word) + 1];',
    'writeFileSync(after("--disk").slice("path=".length), "written");',
    `const server = require("node:net").createServer((line) => { line.write("login: "); ${end} });`,
    'setTimeout(() => server.listen(after("--serial").slice("socket=".length)), 50);',
  ];
  await writeFile(program, script.join('\n'), { mode: 0o755 });
  const machine = { firmware: 'uefi', memoryBytes: 64 * MiB, cpus: 1, imageInterface: 'virtio' } as const;
  return { program, machine, settings: { hugePages: false, directIo: false }, firmware: '/none.fd', image, tempRoot: root };
}

const left = async (): Promise<readonly string[]> => (await readdir(root)).filter((name) => name.startsWith('bloomery-machine-'));

test('its serial line is read from its first byte, the image is not changed, and nothing is left', async () => {
  const machine = await launchCloudHypervisor(await standIn('talks', ''), context);
  const said = await new Promise<string>((resolve) => machine.serial.once('data', (bytes: Buffer) => resolve(bytes.toString())));
  assert.is(said, 'login: ');
  assert.is((await left()).length, 1);
  await machine.stop();
  assert.is(await readFile(image, 'utf8'), 'the image');
  assert.equal(await left(), []);
});

test('the end of a machine is reported', async () => {
  const machine = await launchCloudHypervisor(await standIn('ends', 'line.end(() => process.exit(3));'), context);
  machine.serial.resume();
  assert.is((await machine.ended).exitCode, 3);
  await machine.stop();
});

test('a monitor that does not start is reported with its own message, and nothing is left', async () => {
  const plan = await standIn('fails', '');
  await writeFile(plan.program, '#!/bin/sh\necho "no such firmware" >&2\nexit 1\n', { mode: 0o755 });
  const error: unknown = await launchCloudHypervisor(plan, context).catch((reason: unknown) => reason);
  assert.match(String(error), 'Cannot start the machine: Cloud Hypervisor ended with status 1');
  assert.equal(await left(), []);
});

test.run();
