// The bundled Redox, built and booted for real: its own prompt and console, and images and commands that make
// it fail. Each failure has a verdict and the line with the cause. After the first time the build is a cache
// hit.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imageFaults } from '../../systems/redox/faults.ts';
import { system } from '../../systems/redox.ts';
import type { Step } from '../console/dialogue.ts';
import type { Judgement, Verdict } from '../console/verdict.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { bootTest } from './boot-test.ts';
import { faultyImages } from '../dev/stress/faulty-images.ts';
import type { BootFault } from '../dev/stress/faulty-images.ts';

const project = join(import.meta.dirname, '../..');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const patient = { timeoutMs: 300_000, silenceMs: 120_000, graceMs: 500 };

const dir = await mkdtemp(join(tmpdir(), 'redox-boot-'));
const image = join(dir, 'redox-default.img');
test.after(() => rm(dir, { recursive: true, force: true }));

test.before(async () => {
  const built = await run([process.execPath, join(project, 'tasks/build.ts'), 'redox', '--out', dir], { cwd: project, env: hostEnv });
  assert.is(built.exitCode, 0, built.stderr);
});

async function boot(path: string, steps: readonly Step[] = [], limits = patient): Promise<Judgement> {
  return await bootTest(
    {
      machine: system.machine,
      image: path,
      accelerator: 'tcg',
      cacheDir: join(dir, 'cache'),
      env: { PATH: pathOf(hostEnv) },
      rules: system.console,
      limits,
      steps,
      log: `${path}.log`,
    },
    context,
  );
}

/** After the prompt: logs in and types a command. */
function typed(command: string, expect?: string): readonly Step[] {
  const answer: readonly Step[] = expect === undefined ? [] : [{ kind: 'expect', text: expect }];
  return [{ kind: 'send', text: 'user' }, { kind: 'expect', text: 'ion> ' }, { kind: 'send', text: command }, ...answer];
}

/** The expected report of a failed boot. */
function assertFailed(verdict: Verdict, failure: string, line: RegExp, stage: string): void {
  if (verdict.kind !== 'failed') throw new Error(`the verdict is ${JSON.stringify(verdict)}`);
  assert.equal({ failure: verdict.failure, stage: verdict.stage }, { failure, stage });
  assert.match(verdict.line, line);
}

/** An image with a fault of the list. */
async function faulty(name: string): Promise<{ fault: BootFault; path: string }> {
  const fault = imageFaults.find((row) => row.name === name);
  if (!fault) throw new Error(`there is no fault "${name}"`);
  const path = join(dir, `${name}.img`);
  await faultyImages(system, join(dir, 'redox-default'), pathOf(hostEnv), context).make(fault, path);
  return { fault, path };
}

test('the image reaches the login prompt, milestone by milestone; its console answers; a power-off that was asked for is a good end', async () => {
  const session = [...typed('cat /etc/hostname', 'redox\n'), ...typed('poweroff', 'Shutting down').slice(2)];
  const { verdict, milestones } = await boot(image, session);
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.equal(
    milestones.map(({ name }) => name),
    ['bootloader', 'file system', 'initfs loaded', 'kernel', 'memory', 'bootstrap', 'prompt'],
  );
  assert.not.match(await readFile(`${image}.log`, 'utf8'), /Arrow keys|FRAMEBUFFER|Framebuffer/, 'without a screen there is no menu');
});

test('panic: a kernel panic, recognized by its first line', async () => {
  assertFailed((await boot(image, typed('panic'))).verdict, 'kernel-panic', /^KERNEL PANIC: panicked at /, 'prompt');
});

test('fault: a page fault that no program owns', async () => {
  assertFailed((await boot(image, typed('fault'))).verdict, 'page-fault', /^Page fault: [0-9A-F]{16}/, 'prompt');
});

test('loop: stalled, silent since the command, while the shell is awaited', async () => {
  const { verdict } = await boot(image, typed('loop', 'ion> '), { ...patient, silenceMs: 15_000 });
  assert.match(JSON.stringify(verdict), '"kind":"stalled","stage":"prompt","lastMilestone":"prompt","silentMs":15000,"waitingFor":"ion> "');
});

test('a damaged block of the kernel: the loader names the unreadable file', async () => {
  const { fault, path } = await faulty('a damaged kernel');
  const { verdict, findings } = await boot(path);
  assertFailed(verdict, 'other', fault.line ?? /^$/, 'loader');
  assert.match(findings.map(({ line }) => line).join(), 'READ_BLOCK: INCORRECT HASH');
});

test('no kernel: the loader names it', async () => {
  const { fault, path } = await faulty('no kernel');
  assertFailed((await boot(path)).verdict, 'no-bootdev', fault.line ?? /^$/, 'loader');
});

test('an empty disk: no boot device', async () => {
  const { fault, path } = await faulty('nothing on the disk');
  assertFailed((await boot(path)).verdict, 'no-bootdev', fault.line ?? /^$/, 'firmware');
});

test.run();
