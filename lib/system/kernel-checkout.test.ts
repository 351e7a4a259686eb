// Builds a kernel that is a library with tasks/build.ts, from a checkout with an OSDK.toml, and boots it. The
// checkout is a miniature of Asterinas' workspace.
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { here } from '../actions/place.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf, run } from '../core/sh.ts';
import type { RunResult } from '../core/sh.ts';
import { writeCpio } from '../image/cpio.ts';
import { file, fileTree } from '../image/file-tree.ts';
import type { MachineDescription } from '../machine/machine.ts';
import { freePort } from '../machine/ports.ts';
import type { OsdkAction } from '../osdk/manifest.ts';
import { bootTarget } from '../boot/boot-target.ts';
import type { BootTarget } from '../boot/boot-target.ts';
import { bootTest } from '../boot/boot-test.ts';
import { withKernelCheckout } from './kernel-checkout.ts';
import { osdkMachine } from '../boot/osdk-machine.ts';
import { startMachine } from '../boot/start-machine.ts';
import { loadSystem } from './load.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const dir = await mkdtemp(join(tmpdir(), 'kernel-checkout-'));
const checkout = join(dir, 'checkout');
test.after(() => rm(dir, { recursive: true, force: true }));
test.before(() => cp(join(project, 'fixtures/asterinas/miniature'), checkout, { recursive: true }));

async function build(...words: readonly string[]): Promise<RunResult> {
  const all = ['tasks/build.ts', 'asterinas', '--source', `asterinas=${checkout}`, '--out', dir, '--json', ...words];
  return await run([process.execPath, ...all], { cwd: project, env });
}

async function target(profile: 'direct' | 'efi' | 'pvh'): Promise<BootTarget> {
  return await bootTarget({ root: project, system: 'asterinas', profile, image: join(dir, `asterinas-${profile}.cpio.gz`) });
}

/** The console output. */
async function booted(profile: 'direct' | 'efi' | 'pvh', other?: MachineDescription): Promise<string> {
  const { system, image } = await target(profile);
  const log = join(dir, `${profile}.log`);
  const { verdict } = await bootTest(
    {
      machine: other ?? system.machine,
      image,
      accelerator: 'tcg',
      cacheDir: join(dir, 'cache'),
      env: { PATH: pathOf(env) },
      rules: system.console,
      limits: { timeoutMs: 300_000, silenceMs: 60_000, graceMs: 500 },
      steps: [],
      log,
    },
    context,
  );
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  return await readFile(log, 'utf8');
}

test('the kernel is built and booted with the arguments of OSDK.toml, and components of its section array run', async () => {
  const built = await build();
  assert.is(built.exitCode, 0, built.stderr);
  const text = await booted('direct');
  assert.match(text, /component: (?:clock|block)\r\ncomponent: (?:clock|block)\r\n/);
  assert.match(text, /command line: .*SHELL=\/bin\/sh HOME=\/ console=ttyS0 -- sh -l\r\n/);
  assert.match(text, /built by bloomery\r\ncompiled by rustc 1\.\d+\.\d+/);
  assert.match(text, /memory: frames (0x8\d+000) and 0x8\d+000, slots from 8, 100 bytes in 128\r\n/, 'with the allocators of the program');
  assert.not.match(text, 'the feature loud is on');
});

test('the machine of OSDK.toml is that of its words, as a shell expands them, with the scheme and the variables of the user', async () => {
  const { system, checkout: named } = await target('direct');
  assert.is(named, checkout);
  const of = (action: OsdkAction, scheme?: string, more = {}): Promise<MachineDescription> =>
    osdkMachine({ machine: system.machine, checkout: named, action, scheme, env: { PATH: pathOf(env), ...more } }, context);
  const words = async (...wanted: Parameters<typeof of>): Promise<string> => (await of(...wanted)).written?.words.join(' ') ?? '';
  assert.match(await words('run'), '-smp 1 -m 512M');
  assert.match(await words('run', undefined, { SMP: '3' }), '-smp 3 ');
  assert.match(await words('test'), '-smp 2 ');
  assert.ok((await of('run', 'small')).written?.words.includes('a small one'), 'a quoted word is one');
  assert.match(await booted('direct', await of('run')), 'built by bloomery');
  assert.match(await readFile(join(checkout, 'target/qemu.log'), 'utf8'), 'built by bloomery', 'QEMU runs in the folder of the file');
  assert.match(await booted('direct', await of('run', 'small')), 'built by bloomery', 'a machine without a console has one');
});

test('a failing shell and a file without [qemu] are reported', async () => {
  const why = async (text: string): Promise<string> => {
    const folder = await mkdtemp(join(dir, 'words-'));
    await writeFile(join(folder, 'OSDK.toml'), text);
    const { machine } = (await target('direct')).system;
    return await osdkMachine({ machine, checkout: folder, action: 'run', scheme: undefined, env }, context).then(
      () => 'expanded',
      (error: Error) => error.message.replaceAll(folder, 'DIR'),
    );
  };
  assert.is(await why('[boot]\nkcmd_args = []\n'), 'Cannot run the machine of an OSDK.toml: "DIR/OSDK.toml" has no [qemu]');
  const expand = 'Cannot expand the arguments of QEMU in "DIR/OSDK.toml"';
  assert.is(await why('[qemu]\nargs = "-m \'1G"\n'), `${expand}: the shell ended with status 2`);
  assert.is(await why('[qemu]\nargs = "$(./no-such-script)"\n'), `${expand}: "$(./no-such-script)" expands to nothing`);
  assert.is(await why('[qemu]\nargs = "-m *"\n'), 'expanded', 'a pattern is no list of files');
});

test('gdb stops at a breakpoint of the kernel by its symbol', async () => {
  const { system, image, symbols, sourceFolder } = await target('direct');
  assert.is(symbols, join(dir, 'asterinas-direct/kernel/asterinas-osdk-bin'));
  assert.is(sourceFolder, checkout);
  const port = await freePort('127.0.0.1', 22_000 + (process.pid % 1000), 500);
  assert.ok(port !== undefined);
  const machine = { ...system.machine, gdb: { port, wait: true } };
  const at = { cacheDir: join(dir, 'cache'), env: { PATH: pathOf(env) } };
  const running = await startMachine({ machine, image, accelerator: 'tcg', ...at }, context);
  try {
    running.serial.resume();
    const words = [
      `set substitute-path ${here} ${checkout}`,
      `target remote 127.0.0.1:${port}`,
      'hbreak asterinas::clock',
      'continue',
      'backtrace 4',
      'kill',
    ];
    const gdb = await run(['gdb', '-nx', '-batch', ...words.flatMap((word) => ['-ex', word]), symbols ?? ''], {
      cwd: dir,
      env,
      timeoutMs: 120_000,
    });
    assert.match(gdb.stdout, /\bBreakpoint 1, asterinas::clock \(\) at src\/lib\.rs:\d+\n/, gdb.stderr);
    assert.match(gdb.stdout, /#1 .*ostd::start/);
    assert.match(gdb.stdout, /\n\d+\s+(?:fn clock|println!|#\[ostd::component)/, 'gdb shows the line');
  } finally {
    await running.stop();
  }
});

test('a git dependency of a local repository is built, and a locked commit is kept', async () => {
  const repository = join(dir, 'repository');
  const git = async (...words: readonly string[]): Promise<string> => {
    const own = { ...env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
    const named = ['-c', 'user.name=nobody', '-c', 'user.email=nobody@example.org'];
    return await outputOf('use git', ['git', '-C', repository, ...named, ...words], { cwd: dir, env: own });
  };
  await mkdir(join(repository, 'src'), { recursive: true });
  await writeFile(join(repository, 'Cargo.toml'), '[package]\nname = "greeting"\nversion = "0.1.0"\nedition = "2021"\n');
  const greet = (word: string): Promise<void> =>
    writeFile(join(repository, 'src/lib.rs'), `#![no_std]\npub const WORD: &str = "${word}";\n`);
  await greet('greetings from git');
  for (const words of [
    ['init', '-q'],
    ['add', '.'],
    ['commit', '-q', '-m', 'one'],
  ])
    await git(...words);
  const [manifest, source] = [join(checkout, 'kernel/Cargo.toml'), join(checkout, 'kernel/src/lib.rs')];
  const before = [await readFile(manifest, 'utf8'), await readFile(source, 'utf8')] as const;
  await writeFile(manifest, before[0].replace('[dependencies]', `[dependencies]\ngreeting = { git = "file://${repository}" }`));
  await writeFile(source, before[1].replace('println!("Spawn', 'println!("{}", greeting::WORD);\n    println!("Spawn'));
  const lockAndFetch = await run(['cargo', 'fetch'], { cwd: checkout, env });
  assert.is(lockAndFetch.exitCode, 0, lockAndFetch.stderr);
  assert.is((await build()).exitCode, 0);
  assert.match(await booted('direct'), 'greetings from git');
  await greet('something newer');
  await git('commit', '-q', '-a', '-m', 'two');
  const again = await build();
  assert.is(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '{}').misses, 0, again.stderr);
  await writeFile(manifest, before[0]);
  await writeFile(source, before[1]);
  await rm(join(checkout, 'Cargo.lock'));
  await cp(join(project, 'fixtures/asterinas/miniature/Cargo.lock'), join(checkout, 'Cargo.lock'));
});

test('features, profile and arguments of the command line are added to those of OSDK.toml', async () => {
  const words = ['--features', 'loud', '--release', '--kcmd-args', 'a.b=1 log=debug', '--init-args=-c true'];
  const built = await build(...words, '--dry-run');
  assert.is(built.exitCode, 0, built.stderr);
  assert.is((await build(...words)).exitCode, 0);
  const text = await booted('direct');
  assert.match(text, 'the feature loud is on');
  assert.match(text, /command line: .*console=ttyS0 a\.b=1 log=debug -- sh -l -c true\r\n/);
  const other = await build('--kcmd-args', 'console=hvc0 HOME=/root', '--profile', 'iso');
  assert.is(other.exitCode, 0, other.stderr);
  const argv = ['tasks/image.ts', 'cat', join(dir, 'asterinas-iso.iso'), 'boot/grub/grub.cfg'];
  const { stdout } = await run([process.execPath, ...argv], { cwd: project, env });
  assert.match(
    stdout,
    '\n  multiboot2 /boot/asterinas-osdk-bin SHELL=/bin/sh HOME=/root console=hvc0 -- sh -l\n',
    'a value takes the place of another',
  );
});

test('the initramfs of OSDK.toml, or of the command line, is used unchanged', async () => {
  const [manifest, own, other] = [join(checkout, 'OSDK.toml'), join(checkout, 'own.cpio.gz'), join(dir, 'other.cpio.gz')];
  const before = await readFile(manifest, 'utf8');
  const image = join(dir, 'asterinas-direct.cpio.gz');
  await writeFile(own, writeCpio(fileTree(new Map([['of-osdk', file('words\n', 0o644)]])), { timestampSec: 0, gzip: true }));
  await writeFile(manifest, before.replace('[boot]', '[boot]\ninitramfs = "own.cpio.gz"'));
  assert.is((await build()).exitCode, 0);
  assert.ok((await readFile(image)).equals(await readFile(own)));
  await writeFile(own, writeCpio(fileTree(new Map([['edited', file('words\n', 0o644)]])), { timestampSec: 0, gzip: true }));
  assert.is((await build()).exitCode, 0);
  assert.ok((await readFile(image)).equals(await readFile(own)), 'an edited one is a new image');
  const missing = await build('--initramfs', other);
  assert.is(missing.exitCode, 1);
  assert.match(missing.stderr, `Cannot use the initramfs "${other}": `);
  await writeFile(other, writeCpio(fileTree(new Map([['of-flag', file('words\n', 0o644)]])), { timestampSec: 0, gzip: true }));
  assert.is((await build('--initramfs', other)).exitCode, 0);
  assert.ok((await readFile(image)).equals(await readFile(other)));
  await writeFile(manifest, before);
  assert.is((await build()).exitCode, 0);
  assert.not((await readFile(image)).equals(await readFile(other)));
});

test('a scheme changes features; PVH has its own program; after an edit of the kernel only the kernel is compiled', async () => {
  const loud = await build('--scheme', 'loud', '--profile', 'pvh');
  assert.is(loud.exitCode, 0, loud.stderr);
  assert.match(await booted('pvh'), 'the feature loud is on');
  const source = join(checkout, 'kernel/src/lib.rs');
  await writeFile(source, (await readFile(source, 'utf8')).replace('built by', 'edited by'));
  const edited = await build();
  assert.is(JSON.parse(edited.stdout.trim().split('\n').at(-1) ?? '{}').misses, 2, edited.stderr);
  assert.match(await booted('direct'), 'edited by bloomery');
  const script = join(checkout, 'target/osdk/asterinas-run-base/x86_64.ld');
  await writeFile(script, 'ENTRY(nothing)\n');
  assert.is(JSON.parse((await build()).stdout.trim().split('\n').at(-1) ?? '{}').misses, 0, 'an edited linker script is written again');
});

test('a bzImage contains the kernel of the checkout in its own setup program, compressed as configured, and is built again after an edit', async () => {
  const [manifest, source] = [join(checkout, 'OSDK.toml'), join(checkout, 'kernel/src/lib.rs')];
  const before = await readFile(manifest, 'utf8');
  const linux = before.replace('boot_protocol = "multiboot2"', 'boot_protocol = "linux"');
  await writeFile(manifest, linux.replace('[qemu]', '[build]\nencoding = "zlib"\n\n[qemu]'));
  const built = await build();
  assert.is(built.exitCode, 0, built.stderr);
  const { profile, manifest: record } = JSON.parse(built.stdout.trim().split('\n').at(-1) ?? '{}');
  assert.is(profile, 'efi', 'the boot method and the protocol of the file choose the profile');
  const { components } = JSON.parse(await readFile(record, 'utf8'));
  assert.equal([components.setup.source.kind, components.setup.source.path], ['local', join(checkout, 'ostd/libs/linux-bzimage/setup')]);
  assert.match(await booted('efi'), /Entering the Asterinas entry point at 0x8001200\r\n[^]*command line: SHELL=\/bin\/sh/);
  const word = `word ${process.pid} of ${Date.now()}`; // no cache has it
  await writeFile(source, (await readFile(source, 'utf8')).replace('Spawn the first', `${word}: Spawn the first`));
  const edited = JSON.parse((await build()).stdout.trim().split('\n').at(-1) ?? '{}');
  assert.is(edited.misses, 4, 'the kernel, the program around it, and the run of the script and the link of the setup program');
  assert.match(await booted('efi'), `${word}: Spawn the first kernel thread`);
  assert.is(JSON.parse((await build()).stdout.trim().split('\n').at(-1) ?? '{}').misses, 0);
  await writeFile(manifest, before);
});

test('strip_elf leaves symbols out of the kernel that is started, and keeps them in the program next to it', async () => {
  const manifest = join(checkout, 'OSDK.toml');
  const before = await readFile(manifest, 'utf8');
  const sizes = async (): Promise<readonly number[]> => {
    assert.is((await build()).exitCode, 0);
    return (await Promise.all(['vmlinuz', 'kernel/asterinas-osdk-bin'].map((name) => stat(join(dir, 'asterinas-direct', name))))).map(
      ({ size }) => size,
    );
  };
  const [whole = 0, program = 0] = await sizes();
  assert.is(whole, program);
  await writeFile(manifest, before.replace('[qemu]', '[build]\nstrip_elf = true\n\n[qemu]'));
  const [stripped = 0, beside] = await sizes();
  assert.is(beside, program);
  assert.ok(stripped < whole / 2, `${stripped} of ${whole} bytes`);
  await booted('direct');
  await writeFile(manifest, before);
});

test('boot methods choose the profile, and the menu of GRUB is shown on request', async () => {
  const system = await loadSystem(project, 'asterinas');
  const manifest = join(checkout, 'OSDK.toml');
  const before = await readFile(manifest, 'utf8');
  const chosen = async (text: string, wishes = {}): Promise<string> => {
    await writeFile(manifest, text);
    return await withKernelCheckout({ system, sources: { kind: 'bundled', local: { asterinas: checkout } } }, wishes).then(
      (found) =>
        `${found.system.defaultProfile}${JSON.stringify(found.system.profiles['iso']).includes('timeout_style=menu') ? ', menu' : ''}`,
      (error: Error) => error.message,
    );
  };
  assert.is(await chosen(''), 'direct');
  assert.is(await chosen('[boot]\nmethod = "qemu-direct"\n'), 'direct', 'an older name');
  assert.is(await chosen('[build]\nfeatures = ["pvh_boot"]\n'), 'pvh');
  assert.is(await chosen('[boot]\nmethod = "grub-rescue-iso"\n[grub]\ndisplay_grub_menu = true\n'), 'iso, menu');
  assert.is(await chosen('[boot]\nmethod = "grub-qcow2"\n[grub]\nboot_protocol = "linux"\n'), 'efi-iso');
  assert.is(
    await chosen('[boot]\nmethod = "grub-rescue-iso"\n', { bootMethod: 'direct-elf', grubProtocol: 'linux', grubMenu: true }),
    'efi, menu',
  );
  const legacy = '[build]\nlinux_x86_legacy_boot = true\n[grub]\nboot_protocol = "linux"\n';
  assert.is(
    await chosen(legacy),
    'Cannot build a bzImage: linux_x86_legacy_boot needs the 32-bit entry point, and bzImages have only that of EFI here',
  );
  await writeFile(manifest, before);
  const both = await build('--profile', 'iso', '--boot-method', 'direct-elf');
  assert.match(both.stderr, 'Cannot read the command line: --profile and --boot-method both say how the kernel is booted');
  const wrong = await build('--boot-method', 'direct-elv');
  const methods = 'direct-elf, grub-rescue-iso, grub-qcow2';
  assert.match(wrong.stderr, `Cannot use --boot-method "direct-elv": it must be one of ${methods}\nhint: did you mean direct-elf?`);
});

test('a wrong key, an unknown scheme and a scheme without a checkout are named', async () => {
  const wrong = await build('--scheme', 'lout');
  assert.is(wrong.exitCode, 2);
  assert.match(wrong.stderr, /its schemes are loud, small\nhint: did you mean loud\?/);
  await writeFile(join(checkout, 'OSDK.toml'), '[boot]\nmethd = "direct-elf"\n');
  const key = await build();
  assert.is(key.exitCode, 1);
  assert.match(key.stderr, 'boot.methd: there is no such field');
  const system = await loadSystem(project, 'asterinas');
  const bundled = { kind: 'bundled', local: {} } as const;
  assert.is((await withKernelCheckout({ system, sources: bundled }, {})).system, system);
  const alone = await withKernelCheckout({ system, sources: bundled }, { scheme: 'loud' }).then(
    () => '',
    (error: Error) => error.message,
  );
  assert.is(alone, 'Cannot use the scheme "loud": schemes are those of an OSDK.toml');
  const more = await withKernelCheckout({ system, sources: bundled }, { features: ['loud'] }).then(
    () => '',
    (error: Error) => error.message,
  );
  assert.is(more, 'Cannot change the kernel of asterinas: it is not that of a checkout');
});

test.run();
