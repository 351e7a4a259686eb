// Real boots (QEMU, TCG) with a boot sector as the guest, so that each ending takes about a second.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bootSectorDisk } from '../dev/testing/boot-sector.ts';
import type { GuestStep } from '../dev/testing/boot-sector.ts';
import { console as linuxConsole } from '../../systems/linux/console.ts';
import { console as redoxConsole } from '../../systems/redox/console.ts';
import { machine as redoxMachine } from '../../systems/redox/machine.ts';
import type { Step } from '../console/dialogue.ts';
import { replay } from '../console/replay.ts';
import type { Judgement } from '../console/verdict.ts';
import { digestFile } from '../core/digest.ts';
import { Failure } from '../core/errors.ts';
import { pathOf } from '../core/paths.ts';
import { bootTest } from './boot-test.ts';
import type { BootTest } from './boot-test.ts';

const patient = { timeoutMs: 120_000, silenceMs: 60_000, graceMs: 300 };
/** Longer than a boot sector needs for its first word on a busy host. */
const quietMs = 6000;
let root = '';
let log = '';

test.before.each(async () => {
  root = await mkdtemp(join(tmpdir(), 'boot-test-'));
  log = join(root, 'x.log');
});
test.after.each(async () => {
  await rm(root, { recursive: true });
});

async function booted(
  guest: readonly GuestStep[],
  more: Partial<BootTest> = {},
  signal = new AbortController().signal,
): Promise<Judgement> {
  const image = join(root, 'guest.img');
  await writeFile(image, bootSectorDisk(guest));
  const test: BootTest = {
    machine: { firmware: 'bios', memoryBytes: 32 << 20, cpus: 1, imageInterface: 'ide' },
    image,
    accelerator: 'tcg',
    cacheDir: join(root, 'cache'),
    env: { PATH: pathOf(process.env), TMPDIR: root },
    rules: redoxConsole,
    limits: patient,
    steps: [],
    log,
    ...more,
  };
  const judgement = await bootTest(test, { signal, report: () => undefined });
  assert.equal(await replay(log, test.rules, test.limits), judgement, 'the record gives the same judgement');
  return judgement;
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (error instanceof Failure) return error;
  throw error;
}

async function leftovers(): Promise<readonly string[]> {
  return (await readdir(root)).filter((name) => name.startsWith('bloomery-machine-'));
}

test('a prompt, and quiet after it: booted; the milestones have their times; the image is as it was', async () => {
  const steps: GuestStep[] = [{ say: 'Redox OS Bootloader 1 on x\r\nRedox OS starting...\r\nredox login: ' }, { end: 'halt' }];
  const { verdict, milestones } = await booted(steps);
  assert.is(verdict.kind, 'booted');
  assert.equal(
    milestones.map(({ name }) => name),
    ['bootloader', 'kernel', 'prompt'],
  );
  assert.ok(milestones.every(({ atMs }) => atMs !== undefined && atMs > 0));
  await writeFile(join(root, 'again.img'), bootSectorDisk(steps));
  assert.is(await digestFile(join(root, 'guest.img')), await digestFile(join(root, 'again.img')));
  assert.equal(await leftovers(), []);
});

test('a panic: failed, with its first line, its stage, and the lines after it', async () => {
  const panic = 'KERNEL PANIC: panicked at a.rs:1:2:\r\nno memory\r\nHALT\r\n';
  const { verdict, lastLines } = await booted([{ say: 'Redox OS starting...\r\n' }, { say: panic }, { end: 'halt' }]);
  assert.is(verdict.kind, 'failed');
  assert.match(JSON.stringify(verdict), '"failure":"kernel-panic","line":"KERNEL PANIC: panicked at a.rs:1:2:","stage":"kernel"');
  assert.is(lastLines.at(-1), 'HALT');
});

test('a panic in the grace window: failed in stage prompt', async () => {
  const limits = { ...patient, graceMs: 20_000 };
  const { verdict } = await booted([{ say: 'redox login: ' }, { say: '\r\nKERNEL PANIC: x\r\n' }, { end: 'halt' }], { limits });
  assert.match(JSON.stringify(verdict), '"kind":"failed","failure":"kernel-panic","line":"KERNEL PANIC: x","stage":"prompt"');
});

test('a guest that stops printing: stalled, with the last milestone', async () => {
  const { verdict } = await booted([{ say: 'Redox OS starting...\r\n' }, { end: 'spin' }], { limits: { ...patient, silenceMs: quietMs } });
  assert.match(JSON.stringify(verdict), `"kind":"stalled","stage":"kernel","lastMilestone":"kernel","silentMs":${quietMs}`);
});

test('a guest that resets or powers off before its prompt: exited-early', async () => {
  for (const end of ['reset', 'power-off'] as const) {
    const { verdict } = await booted([{ say: 'Redox OS starting...\r\n' }, { end }]);
    assert.is(verdict.kind, 'exited-early', end);
  }
});

test('a dialogue is typed in its order, and a crash that it brings about is a failure', async () => {
  const session: GuestStep[] = [{ say: 'redox login: ' }, { await: 'enter' }, { say: 'redox# ' }, { await: 'enter' }];
  const guest: GuestStep[] = [...session, { say: '\r\nKERNEL PANIC: asked for\r\n' }, { end: 'halt' }];
  const steps: Step[] = [
    { kind: 'send', text: 'user' },
    { kind: 'expect', text: 'redox# ' },
    { kind: 'send', text: 'panic' },
  ];
  const { verdict } = await booted(guest, { steps });
  assert.match(JSON.stringify(verdict), '"line":"KERNEL PANIC: asked for"');
});

test('a prompt that is only a sign is asked, and counts when it answers', async () => {
  const shell = (...after: readonly string[]): GuestStep[] => [
    { say: '# ' },
    { await: 'enter' },
    ...after.map((say) => ({ say })),
    { end: 'spin' },
  ];
  const limits = { ...patient, silenceMs: quietMs };
  const answering = await booted(shell('\r\nbloomery-prompt-1\r\n# '), { rules: linuxConsole });
  assert.equal(answering.findings, [{ kind: 'confirmed-prompt', line: '#', count: 1 }]);
  assert.is(answering.verdict.kind, 'booted');
  const deaf = await booted(shell('\r\nwhat?\r\n'), { rules: linuxConsole, limits });
  assert.equal(deaf.findings, [{ kind: 'unanswered-prompt', line: '#', count: 1 }]);
  assert.is(deaf.verdict.kind, 'stalled');
  const unasked = await booted(shell(), { rules: linuxConsole, ask: false });
  assert.equal([unasked.verdict.kind, unasked.findings], ['booted', []]);
});

test('a machine that powers off because it was asked to has booted', async () => {
  const guest: GuestStep[] = [{ say: 'redox login: ' }, { await: 'enter' }, { say: 'bye' }, { end: 'power-off' }];
  assert.is(
    (
      await booted(guest, {
        steps: [
          { kind: 'send', text: 'off' },
          { kind: 'expect', text: 'bye' },
        ],
      })
    ).verdict.kind,
    'booted',
  );
});

test('an expected text that never comes: stalled, and it is named', async () => {
  const guest: GuestStep[] = [{ say: 'redox login: ' }, { end: 'spin' }];
  const { verdict } = await booted(guest, { steps: [{ kind: 'expect', text: 'welcome' }], limits: { ...patient, silenceMs: quietMs } });
  assert.match(JSON.stringify(verdict), '"waitingFor":"welcome"');
});

test('an empty disk with UEFI firmware: no boot device, as soon as the firmware reports it', async () => {
  const image = join(root, 'empty.img');
  await writeFile(image, Buffer.alloc(16 << 20));
  const { verdict } = await booted([{ end: 'halt' }], { machine: { ...redoxMachine, memoryBytes: 512 << 20 }, image });
  assert.match(JSON.stringify(verdict), '"kind":"failed","failure":"no-bootdev","line":"BdsDxe: ');
});

test('a kept machine lives on after its verdict until it is interrupted', async () => {
  const abort = new AbortController();
  let kind = '';
  const judgement = await booted(
    [{ say: 'redox login: ' }, { end: 'spin' }],
    {
      keep: true,
      onVerdict: ({ verdict }, { pid }) => {
        kind = verdict.kind;
        assert.ok(existsSync(`/proc/${pid}/exe`));
        abort.abort();
      },
    },
    abort.signal,
  );
  assert.is(kind, 'booted');
  assert.is(judgement.verdict.kind, 'booted');
  assert.equal(await leftovers(), []);
});

test('an interrupted boot throws the reason and leaves nothing', async () => {
  const abort = new AbortController();
  const reason = new Failure('interrupted', 'Cannot finish: interrupted');
  const onMilestone = (): void => abort.abort(reason);
  const failure = await failureOf(booted([{ say: 'Redox OS starting...\r\n' }, { end: 'spin' }], { onMilestone }, abort.signal));
  assert.is(failure, reason);
  assert.equal(await leftovers(), []);
});

test('a transcript that cannot be written ends the run with that, and the machine with it', async () => {
  await writeFile(join(root, 'file'), '');
  const failure = await failureOf(booted([{ say: 'x' }, { end: 'spin' }], { log: join(root, 'file', 'x.log') }));
  assert.match(failure.message, /^Cannot write the transcript/);
  assert.equal(await leftovers(), []);
});

test('a full disk is reported when the transcript cannot be written', async () => {
  await symlink('/dev/full', log);
  const failure = await failureOf(booted([{ say: 'x' }, { end: 'spin' }]));
  assert.match(failure.message, /^Cannot write the transcript ".*": no space left on the device$/);
  assert.is(failure.exitCode, 69);
  assert.equal(await leftovers(), []);
});

test('no QEMU, no image, an image that is a folder or empty: a sentence, the right blame, nothing begun', async () => {
  const guest: GuestStep[] = [{ end: 'halt' }];
  const noQemu = await failureOf(booted(guest, { env: { PATH: root, TMPDIR: root } }));
  assert.is(noQemu.exitCode, 69);
  assert.match(noQemu.message, 'Cannot find "qemu-system-x86_64": it is not installed');
  const noImage = await failureOf(booted(guest, { image: join(root, 'none.img') }));
  assert.match(noImage.message, /^Cannot boot ".*none\.img": there is no image at that path$/);
  assert.is(noImage.exitCode, 2);
  assert.match((await failureOf(booted(guest, { image: root }))).message, 'it is a folder');
  await writeFile(join(root, 'zero.img'), '');
  assert.match((await failureOf(booted(guest, { image: join(root, 'zero.img') }))).message, 'the file is empty');
  const kernel = { image: join(root, 'guest.img'), initrd: join(root, 'large'), commandLine: '' };
  await writeFile(kernel.initrd, '');
  await truncate(kernel.initrd, 2 ** 31);
  const large = await failureOf(booted(guest, { machine: { ...redoxMachine, kernel } }));
  assert.match(large.message, /^Cannot boot ".*large": an initramfs of 2147483648 bytes is larger than the limit of kernels, 2 GiB$/);
  await rm(kernel.initrd);
  assert.equal((await readdir(root)).sort(), ['guest.img', 'zero.img']);
});

test.run();
