// Which machine a command selects, and errors for unknown verbs. lib/boot/linux-guest.test.ts tests the verbs
// on a real machine.
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { controlMachine, vmFlags } from './vm-task.ts';

const root = await mkdtemp(join(tmpdir(), 'vm-task-'));
test.after(() => rm(root, { recursive: true }));

async function said(...words: string[]): Promise<string> {
  const { task, lines } = puppetTask(vmFlags, words, root, { TMPDIR: root });
  const error: unknown = await controlMachine(task).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Failure ? `${error.message} | ${error.hint}` : error === undefined ? lines.join('\n') : String(error);
}

async function json(...words: string[]): Promise<string> {
  const { task } = puppetTask(vmFlags, words, root, { TMPDIR: root });
  return JSON.stringify((await controlMachine(task)).json);
}

/** Writes the record of a machine of this process. No monitor listens at its socket. */
async function pretend(name: string): Promise<void> {
  const folder = join(root, `bloomery-machine-${process.pid}-${name}`);
  await mkdir(folder);
  const record = { monitor: 'qemu', pid: process.pid, image: `/images/${name}.img`, accelerator: 'tcg', machine: {} };
  await writeFile(join(folder, 'machine.json'), JSON.stringify(record));
}

test('without a running machine, that is reported', async () => {
  assert.is(await said('list'), 'No machine is running.');
  assert.match(await said('info'), /^Cannot find a machine: no machine is running \| start one: npx zx tasks\/run\.ts/);
});

test('for an unknown verb the error names the nearest one', async () => {
  assert.match(await said('puase'), /the verbs are list, pause, .* \| did you mean pause\?/);
  assert.match(await said('pause', 'now'), '"now" is one word too many | --machine PID names a machine');
});

test('one of several machines must be named, and a machine without a monitor cannot be reached', async () => {
  await pretend('a');
  assert.match(await said('list'), `${process.pid} (qemu, a.img)`);
  const folder = join(root, `bloomery-machine-${process.pid}-a`);
  assert.match(await json('list'), `"control":"${join(folder, 'control')}"`);
  assert.match(await said('pause'), 'Cannot reach the machine');
  assert.match(await said('pause', '--machine', '1'), 'no machine is running as process 1');
  await pretend('b');
  assert.match(await said('pause'), 'Cannot choose a machine: 2 machines are running');
});

test.run();
