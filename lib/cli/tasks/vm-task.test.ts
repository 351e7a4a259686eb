// Which machine is meant, and what is no verb. What the verbs do to a real machine is in lib/boot/linux-guest.test.ts.
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

/** A machine that this process is said to run; nobody listens at its socket. */
async function pretend(name: string): Promise<void> {
  const folder = join(root, `bloomery-machine-${process.pid}-${name}`);
  await mkdir(folder);
  const record = { monitor: 'qemu', pid: process.pid, image: `/images/${name}.img`, accelerator: 'tcg', machine: {} };
  await writeFile(join(folder, 'machine.json'), JSON.stringify(record));
}

test('where none runs, that is said', async () => {
  assert.is(await said('list'), 'No machine runs.');
  assert.match(await said('info'), /^Cannot find a machine: none runs \| start one: npx zx tasks\/run\.ts/);
});

test('what is no verb is told with the nearest', async () => {
  assert.match(await said('puase'), /the verbs are list, pause, .* \| did you mean pause\?/);
  assert.match(await said('pause', 'now'), '"now" is one word too many | --machine PID names a machine');
});

test('of several, one has to be named; one that nobody listens for cannot be reached', async () => {
  await pretend('a');
  assert.match(await said('list'), `${process.pid} (qemu, a.img)`);
  const folder = join(root, `bloomery-machine-${process.pid}-a`);
  assert.match(await json('list'), `"control":"${join(folder, 'control')}"`);
  assert.match(await said('pause'), 'Cannot reach the machine');
  assert.match(await said('pause', '--machine', '1'), 'none runs as process 1');
  await pretend('b');
  assert.match(await said('pause'), 'Cannot choose a machine: 2 run');
});

test.run();
