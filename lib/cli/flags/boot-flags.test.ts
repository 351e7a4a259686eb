// What the flags of boot tests and interactive runs mean as data.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import { bootLimits, dialogueSteps, machineFlags, orderedMachine, orderedOrRestored, verdictFlags } from './boot-flags.ts';
import { parseCommandLine } from '../command-line.ts';
import type { CommandLine } from '../command-line.ts';
import type { Task } from '../task.ts';

const project = join(import.meta.dirname, '../../..');

function parsed(...words: readonly string[]): CommandLine {
  const usage = {
    command: 'test',
    words: '<system>',
    about: '',
    count: [0, 1],
    flags: { ...machineFlags, ...verdictFlags },
    examples: [],
  } as const;
  return parseCommandLine(usage, words);
}

function taskOf(...words: readonly string[]): Task {
  return {
    args: parsed(...words),
    host: { cwd: '/here', env: { PATH: '/bin' }, cacheDir: '/cache' },
    path: (text) => resolve('/here', text),
    print: () => undefined,
    write: () => Promise.resolve(true),
    report: () => undefined,
    signal: new AbortController().signal,
  };
}

test("clocks are the system's own, except those that are given, in seconds", () => {
  const own = { timeoutMs: 1, silenceMs: 2, graceMs: 3 };
  assert.equal(bootLimits(parsed(), own), own);
  assert.equal(bootLimits(parsed('--timeout', '90', '--grace', '0.5'), own), { timeoutMs: 90_000, silenceMs: 2, graceMs: 500 });
});

test('--expect and --send keep the order in which they were typed', () => {
  const steps = dialogueSteps(parsed('--send', 'a', '--expect', 'b', '--timeout', '3', '--expect', 'c', '--send=d'));
  assert.equal(
    steps.map(({ kind, text }) => `${kind} ${text}`),
    ['send a', 'expect b', 'expect c', 'send d'],
  );
});

test('the machine of a system and its image: the built one, or the one that is named', async () => {
  const built = await orderedMachine(taskOf('rust-nixos', '--profile', 'small'), project);
  assert.is(built.order.image, join(project, 'out/rust-nixos-small.img'));
  assert.is(built.target.log, join(project, 'out/logs/rust-nixos-small.log'));
  assert.is(built.order.accelerator, 'auto');
  assert.is(built.order.cacheDir, '/cache');
  const named = await orderedMachine(taskOf('--system', 'redox', '--image', 'my.img', '--accel', 'tcg', '--cache', 'c'), project);
  assert.is(named.order.image, '/here/my.img');
  assert.is(named.order.accelerator, 'tcg');
  assert.is(named.order.cacheDir, '/here/c');
});

test('for an unknown accelerator the error names the nearest', async () => {
  const error: unknown = await orderedMachine(taskOf('redox', '--accel', 'tcq'), project).catch((reason: unknown) => reason);
  if (!(error instanceof Failure)) throw error;
  assert.is(error.exitCode, 2);
  assert.is(error.hint, 'did you mean tcg?');
});

test('a snapshot has its machine: flags that would change it are refused, and a folder without a snapshot is reported', async () => {
  const flags = { ...machineFlags, restore: { type: 'string', help: '' } } as const;
  for (const [words, sentence] of [
    [['redox', '--restore', 'x'], '"redox" cannot change it'],
    [['--restore', 'x', '--cpus', '2'], '--cpus cannot change it'],
    [['--restore', 'x', '--forward', '1:2'], '--forward cannot change it'],
    [['--restore', 'x'], 'Cannot continue from "x"'],
  ] as const) {
    const { task } = puppetTask(flags, words, '/here');
    assert.match(String(await orderedOrRestored(task, project).catch((reason: unknown) => reason)), sentence);
  }
});

test('the record of a snapshot is checked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
  const flags = { ...machineFlags, restore: { type: 'string', help: '' } } as const;
  const machine = { firmware: 'bios', memoryBytes: 2 ** 30, cpus: 1, imageInterface: 'virtio' };
  const record = { monitor: 'qemu', pid: 1, image: '/i.img', accelerator: 'tcg', machine };
  const restored = async (kept: object): Promise<unknown> => {
    await writeFile(join(folder, 'machine.json'), JSON.stringify(kept));
    return await orderedOrRestored(puppetTask(flags, ['--restore', folder], folder).task, project).then(
      ({ order }) => order.machine,
      (reason: unknown) => String(reason),
    );
  };
  try {
    assert.equal(await restored(record), machine);
    assert.match(String(await restored({})), 'its machine.json is not the record of a machine');
    assert.match(
      String(await restored({ ...record, machine: { ...machine, cpus: 'two' } })),
      'has a wrong machine: cpus: it must be a number',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
