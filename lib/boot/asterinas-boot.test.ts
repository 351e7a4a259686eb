// Builds the bundled Asterinas with tasks/build.ts and boots it by every protocol that its kernel supports.
// The kernel is also made to fail in every way it can.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Step } from '../console/dialogue.ts';
import type { Judgement, Verdict } from '../console/verdict.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { bootTarget } from './boot-target.ts';
import { bootTest } from './boot-test.ts';
import { withReferenceKernel } from '../rootfs/reference-kernel.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const dir = await mkdtemp(join(tmpdir(), 'asterinas-boot-'));
test.after(() => rm(dir, { recursive: true, force: true }));

const files = {
  direct: 'asterinas-direct.cpio.gz',
  pvh: 'asterinas-pvh.cpio.gz',
  efi: 'asterinas-efi.cpio.gz',
  'efi-iso': 'asterinas-efi-iso.iso',
  iso: 'asterinas-iso.iso',
  disk: 'asterinas-disk.img',
  programs: 'asterinas-programs.cpio.gz',
} as const;
type Profile = keyof typeof files;

async function build(profile: Profile, out = dir): Promise<void> {
  const words = ['tasks/build.ts', 'asterinas', '--profile', profile, '--out', out];
  const built = await run([process.execPath, ...words], { cwd: project, env });
  assert.is(built.exitCode, 0, built.stderr);
}

interface Boot {
  readonly steps?: readonly Step[];
  readonly silenceMs?: number;
  /** Another kernel of the page. */
  readonly kernel?: string;
}

async function boot(
  profile: Profile,
  { steps = [], silenceMs = 60_000, kernel }: Boot = {},
): Promise<Judgement & { readonly text: string }> {
  const { system, image } = await bootTarget({ root: project, system: 'asterinas', profile, image: join(dir, files[profile]) });
  const log = join(dir, `${profile}${kernel ?? ''}.log`);
  const at = { root: join(project, 'systems'), cacheDir, env };
  const machine = kernel === undefined ? system.machine : await withReferenceKernel(system, system.machine, kernel, at, context);
  const judgement = await bootTest(
    {
      machine,
      image,
      accelerator: 'tcg',
      cacheDir: join(dir, 'cache'),
      env: { PATH: pathOf(env) },
      rules: (kernel === undefined ? undefined : system.reference?.kernels[kernel]?.console) ?? system.console,
      limits: { timeoutMs: 300_000, silenceMs, graceMs: 500 },
      steps,
      log,
    },
    context,
  );
  return { ...judgement, text: await readFile(log, 'utf8') };
}

const typed = (...commands: readonly string[]): readonly Step[] =>
  commands.flatMap((text) => [{ kind: 'send', text }, ...(text === commands.at(-1) ? [] : [{ kind: 'expect', text: '~ # ' } as const])]);

/** Firmware and GRUB add words to the command line of a Linux. */
const arguments2 = /Arguments \(2\):\r\n {2}sh\r\n {2}-l\r\nEnvironment variables \(5\):\r\n {2}SHELL=\/bin\/sh\r\n/;
const protocols = {
  direct: { protocol: 'multiboot', before: [], words: arguments2 },
  pvh: { protocol: 'pvh', before: [], words: arguments2 },
  efi: {
    protocol: 'linux',
    before: ['loader'],
    words: /Arguments \(3\):\r\n {2}sh\r\n {2}-l\r\n {2}initrd=initrd\r\nEnvironment variables \(5\):\r\n/,
  },
  'efi-iso': {
    protocol: 'linux',
    before: ['loader'],
    words: /Arguments \(2\):\r\n {2}sh\r\n {2}-l\r\nEnvironment variables \(6\):\r\n {2}BOOT_IMAGE=/,
  },
  iso: { protocol: 'multiboot2', before: [], words: arguments2 },
  disk: { protocol: 'multiboot2', before: [], words: arguments2 },
} as const;
for (const [profile, { protocol, before, words }] of Object.entries(protocols) as [
  keyof typeof protocols,
  (typeof protocols)[keyof typeof protocols],
][]) {
  test(`${profile}: the kernel is started by ${protocol}, and finds the command line and every file of the initramfs`, async () => {
    await build(profile);
    const { verdict, milestones, text } = await boot(profile);
    assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
    assert.equal(
      milestones.map(({ name }) => name),
      [...before, 'kernel', 'root', 'prompt'],
    );
    assert.match(text, `boot: protocol ${protocol}, `);
    assert.match(text, words);
    const program = await readFile(join(dir, `asterinas-${profile}/boot-hello/boot-hello`));
    const { digestBytes } = await import('../core/digest.ts');
    assert.match(text, `/test/boot_hello ${program.length} bytes sha256 ${digestBytes(program)}`);
  });
}

for (const profile of ['direct', 'pvh', 'efi'] as const) {
  test(`${profile}: Linux runs the program of the same initramfs, with the same arguments`, async () => {
    const { verdict, text } = await boot(profile, { kernel: 'linux' });
    assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
    assert.match(text, /Linux version \d+\.\d+/);
    assert.match(text, /Arguments \([23]\):\r\n {2}sh\r\n {2}-l\r\n(?: {2}initrd=initrd\r\n)?Environment variables \(\d+\):\r\n/);
    for (const word of ['SHELL=/bin/sh', 'LOGNAME=root', 'PATH=/bin:/benchmark']) assert.match(text, `  ${word}\r\n`);
  });
}

test('disk: Linux starts the root file system of the same disk without its boot loader, with the same arguments', async () => {
  const { verdict, text } = await boot('disk', { kernel: 'linux' });
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.match(text, /EXT4-fs \(vda2\): mounting ext2 file system/);
  assert.match(text, /Arguments \(2\):\r\n {2}sh\r\n {2}-l\r\nEnvironment variables \(6\):\r\n/);
  for (const word of ['SHELL=/bin/sh', 'LOGNAME=root', 'PATH=/bin:/benchmark', 'TERM=linux']) assert.match(text, `  ${word}\r\n`);
});

for (const flags of [[], ['--console', 'hvc0'], ['--scheme', 'iommu'], ['--scheme', 'normal']]) {
  test(`programs ${flags.join(' ')}: Linux runs busybox, and the checks of the profile pass`, async () => {
    await build('programs');
    const image = ['--image', join(dir, files.programs), '--log', join(dir, 'programs.log'), '--accel', 'tcg', '--quiet', '--json'];
    const words = ['test-boot.ts', '--system', 'asterinas', '--profile', 'programs', '--kernel', 'linux', ...image, ...flags];
    const { exitCode, stdout, stderr } = await run([process.execPath, ...words], { cwd: project, env });
    assert.is(exitCode, 0, stderr + stdout);
    const { checks }: { readonly checks: readonly { readonly passed: boolean }[] } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
    assert.equal([checks.length, checks.filter(({ passed }) => passed).length], [8, 8]);
  });
}

test('an unknown scheme and an unknown console are named', async () => {
  const refused = async (...words: readonly string[]): Promise<string> => {
    const { stderr } = await run([process.execPath, 'test-boot.ts', 'asterinas', ...words], { cwd: project, env });
    return stderr;
  };
  const schemes = 'its schemes are normal, test, iommu, microvm\nhint: did you mean iommu?';
  assert.match(await refused('--scheme', 'imomu'), `Cannot run asterinas by the scheme "imomu": ${schemes}`);
  assert.match(await refused('--console', 'ttyS1'), 'Cannot use --console "ttyS1": it must be ttyS0 or hvc0');
});

test('a kernel that the page does not have, and a profile whose boot loader starts its own, are refused', async () => {
  const message = async (profile: Profile, kernel: string): Promise<string> =>
    await boot(profile, { kernel }).then(
      () => 'booted',
      (error: Error) => error.message,
    );
  assert.is(await message('direct', 'linus'), 'Cannot start asterinas with the kernel linus: its other kernels are linux');
  assert.is(await message('iso', 'linux'), 'Cannot start asterinas with the kernel linux: a boot loader in the image starts its kernel');
});

test('two builds of the images have the same bytes', async () => {
  const other = join(dir, 'other');
  for (const profile of ['direct', 'efi-iso', 'iso', 'disk'] as const) {
    await build(profile, other);
    assert.ok((await readFile(join(dir, files[profile]))).equals(await readFile(join(other, files[profile]))), profile);
  }
});

test('the CD has a boot image for UEFI and its files, as xorriso reads it', async () => {
  const words = ['-indev', join(dir, files.iso), '-report_el_torito', 'plain', '-find', '/', '-type', 'f', '-exec', 'echo'];
  const { exitCode, stdout, stderr } = await run([await tool('xorriso', pathOf(env)), ...words], { cwd: dir, env });
  assert.is(exitCode, 0, stderr);
  assert.match(stdout, /El Torito boot img : +1 +UEFI/);
  for (const path of ['/boot/grub/grub.cfg', '/boot/asterinas-osdk-bin', '/boot/initramfs.cpio.gz']) assert.match(stdout, `'${path}'`);
});

const failures: readonly (readonly [command: string, failure: string, line: RegExp])[] = [
  ['panic', 'rust-panic', /Uncaught panic:$/],
  ['fault', 'page-fault', /kernel page fault: the address is outside the range of the linear mapping/],
  ['heap', 'oom', /Heap allocation error, layout = Layout \{ size: \d+, align: 8 \(1 << 3\) \}/],
  ['opcode', 'rust-panic', /Uncaught panic:$/],
];
for (const [command, failure, line] of failures) {
  test(`"${command}" ends as ${failure}`, async () => {
    const { verdict, text } = await boot('direct', { steps: typed(command) });
    const failed: Extract<Verdict, { kind: 'failed' }> | undefined = verdict.kind === 'failed' ? verdict : undefined;
    assert.is(failed?.failure, failure, JSON.stringify(verdict));
    assert.match(failed?.line ?? '', line);
    assert.match(text, 'Printing stack trace:');
  });
}

test('an error that the kernel recovers from is a finding, and an end that was asked for is a good one', async () => {
  const { verdict, findings } = await boot('direct', { steps: typed('oops', 'sum /etc/hostname', 'poweroff') });
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.ok(findings.some(({ kind }) => kind === 'oops'));
});

test('a kernel that stops without a message is detected by its silence', async () => {
  const { verdict } = await boot('direct', { steps: [...typed('hang'), { kind: 'expect', text: 'never' }], silenceMs: 3000 });
  assert.is.not(verdict.kind, 'booted', JSON.stringify(verdict));
});

test('every end of init but a power-off is a failure', async () => {
  for (const command of ['exit 3', 'exit']) {
    const { verdict } = await boot('direct', { steps: [...typed(command), { kind: 'expect', text: 'never' }] });
    assert.is.not(verdict.kind, 'booted', `${command}: ${JSON.stringify(verdict)}`);
  }
});

test.run();
