// Runs the Rust init in a real Linux in a real QEMU: its behaviour suite, an invalid service table, a
// shutdown, and a crash of the init. Its own tests in Rust run first.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { guestPassword, linuxGuest } from '../../dev/testing/linux-guest.ts';
import { buildInit, guestModules, initGuest, programsFolder } from '../../dev/testing/init-guest.ts';
import { console as linuxConsole } from '../../../systems/linux/console.ts';
import { behaviourMachine, behaviourRows, behaviourServices, consoleRows } from '../../../systems/rust-nixos/behaviour.ts';
import { Shell } from '../../console/shell.ts';
import { pathOf } from '../../core/paths.ts';
import { outputOf, run } from '../../core/sh.ts';
import { MiB } from '../../core/sizes.ts';
import { tool } from '../../core/tools.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import { launch } from '../../machine/qemu/launch.ts';
import type { RunningMachine } from '../../machine/machine.ts';
import { qemuProgram } from '../../machine/qemu/command-line.ts';
import { tableBackend } from './table.ts';
import { checkServices } from '../services/check-services.ts';
import type { FileFacts } from '../../system/image-facts.ts';
import type { CheckedServices } from '../../system/services.ts';

const project = programsFolder;
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const context = { signal: new AbortController().signal, report: () => undefined };
const root = await mkdtemp(join(tmpdir(), 'rust-init-'));
test.after(() => rm(root, { recursive: true }));

const { toolchain } = await chooseToolchain({ env, cacheDir: root, project, needsRustSrc: false }, context);
const guest = await linuxGuest(cacheDir, env);
const programs = await buildInit(toolchain.cargo, join(root, 'target'), { ...env, RUSTC: toolchain.rustc });
const qemu = await tool(qemuProgram, pathOf(env));
const passwordHash = (
  await outputOf('make a password', [join(guest.root, 'bin/busybox'), 'mkpasswd', '-m', 'sha512', guestPassword], { cwd: '/', env: {} })
).trim();
const services: CheckedServices = checkServices({
  ...behaviourServices,
  kernelModules: guestModules,
  users: { ...behaviourServices.users, root: { uid: 0, passwordHash, home: '/', shell: '/bin/sh' } },
});

interface Guest {
  readonly machine: RunningMachine;
  readonly shell: Shell;
  /** Everything that was heard until now. */
  readonly heard: () => string;
}

/** A machine that runs these files; it is stopped when `work` is done. */
async function within(name: string, files: FileFacts, commandLine: string, work: (guest: Guest) => Promise<void>): Promise<void> {
  const initrd = await initGuest(guest, programs, services, files, join(root, name));
  const machine = await launch(
    {
      qemu,
      machine: {
        firmware: 'bios',
        memoryBytes: 256 * MiB,
        cpus: 1,
        imageInterface: 'ide',
        kernel: { image: guest.kernel, initrd, commandLine: `${guest.commandLine} ${commandLine}` },
        network: { kind: 'user', forwards: [] },
        extraArguments: behaviourMachine,
      },
      accelerator: 'tcg',
      disks: [],
      flash: undefined,
      tempRoot: root,
    },
    context,
  );
  let heard = '';
  machine.serial.on('data', (bytes) => (heard += String(bytes)));
  const shell = new Shell(machine.serial, { stamp: linuxConsole.stamp, signal: context.signal, timeoutMs: 120_000 });
  try {
    await work({ machine, shell, heard: () => heard });
  } catch (error) {
    console.error(heard);
    throw error;
  } finally {
    await machine.stop();
  }
}

const rendered = tableBackend.render(services).files;
const withTable = (change: (text: string) => string): FileFacts => {
  const table = rendered['etc/init.table'];
  return { ...rendered, 'etc/init.table': { text: change(table && 'text' in table ? table.text : '') } };
};

test('the init, the probe and the launcher pass their own tests', async () => {
  const words = [toolchain.cargo, 'test', '--offline', '--locked'];
  const result = await run(words, { cwd: project, env: { ...env, CARGO_TARGET_DIR: join(root, 'tests'), RUSTC: toolchain.rustc } });
  assert.is(result.exitCode, 0, result.stdout + result.stderr);
  const passed = [...result.stdout.matchAll(/test result: ok\. (\d+) passed/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.ok(passed >= 49, `${passed} tests passed`);
});

test('every row of the behaviour suite passes, and the stop order is reported at power-off', async () => {
  await within('behaviour', rendered, 'quiet', async ({ machine, shell, heard }) => {
    await shell.login('root', guestPassword);
    for (const { name, run, expect } of behaviourRows) {
      const said = (await shell.run(run)).output.trim();
      if (typeof expect === 'string') assert.is(said, expect, name);
      else assert.match(said, expect, name);
    }
    machine.serial.write('poweroff\r');
    assert.is((await machine.ended).exitCode, 0);
    for (const { name, expect } of consoleRows) assert.match(heard(), expect, name);
  });
});

test('an invalid table is reported, and a login is still possible', async () => {
  const bad = (text: string): string =>
    text
      .replace('service broken command', 'service broken comand')
      .replace(/^getty .*$/m, 'getty "')
      .concat('service loop command /bin/true\nservice loop needs loop\n');
  await within('bad', withTable(bad), '', async ({ machine, shell, heard }) => {
    await shell.login('root', guestPassword);
    assert.match((await shell.run('until services list | grep third; do sleep 0.2; done')).output, /^third \w+/);
    for (const why of [
      'a quote is not closed',
      'service broken is not run: a line of it is wrong',
      'service loop is not run: it needs itself',
    ])
      assert.match(heard(), `init: ${why.startsWith('service') ? '' : 'line 2 of the table: '}${why}`);
    machine.serial.write('kill -TERM 1\r');
    assert.is((await machine.ended).exitCode, 0, 'a reboot ends the machine');
    assert.match(heard(), 'reboot: Restarting system');
  });
});

test('a panic is shown before the panic of the kernel', async () => {
  await within('panic', rendered, 'quiet INIT_PANIC=1', async ({ machine, heard }) => {
    await machine.ended;
    assert.match(
      heard(),
      /thread 'main' panicked at init\/src\/boot\.rs:[^]*asked for by INIT_PANIC[^]*Attempted to kill init! exitcode=0x00006500/,
    );
  });
});

test.run();
