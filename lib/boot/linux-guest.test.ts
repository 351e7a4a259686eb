// Boots a real Linux in a real QEMU. Tests the login over the serial console while the kernel prints into it,
// and every command for a running machine. Most tests share one machine and run in order.
import { mkdtemp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { guestPassword, linuxGuest } from '../dev/testing/linux-guest.ts';
import { console as linuxConsole } from '../../systems/linux/console.ts';
import { Shell } from '../console/shell.ts';
import type { Judgement } from '../console/verdict.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { MiB } from '../core/sizes.ts';
import { tool } from '../core/tools.ts';
import { capabilityValue, capabilityXattr, xattrsOf } from '../image/xattrs.ts';
import { directory, file, fileTree, symlink } from '../image/file-tree.ts';
import { assemble } from '../image/image.ts';
import { launch } from '../machine/qemu/launch.ts';
import type { Launch } from '../machine/qemu/launch.ts';
import type { RunningMachine, MachineDescription } from '../machine/machine.ts';
import { qemuProgram } from '../machine/qemu/command-line.ts';
import { runningMachines } from '../machine/run-directory.ts';
import { bootTest } from './boot-test.ts';
import type { BootTest } from './boot-test.ts';
import type { Evidence } from './evidence.ts';

const project = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cacheDir = env['BLOOMERY_CACHE'] || join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? '/root', '.cache'), 'bloomery');
const context: Context = { signal: new AbortController().signal, report: () => undefined };
const root = await mkdtemp(join(tmpdir(), 'linux-guest-'));
const guest = await linuxGuest(cacheDir, env);
const kernel = { image: guest.kernel, initrd: guest.initrd, commandLine: guest.commandLine };
const hostPort = 20_000 + (process.pid % 20_000);

const description: MachineDescription = {
  firmware: 'bios',
  memoryBytes: 256 * MiB,
  cpus: 1,
  maxCpus: 2,
  imageInterface: 'ide',
  kernel,
  network: { kind: 'user', forwards: [{ hostPort, guestPort: 80 }] },
};
const { network: _network, ...lonely } = description;

const plan: Launch = {
  qemu: await tool(qemuProgram, pathOf(env)),
  machine: description,
  accelerator: 'tcg',
  disks: [{ path: join(root, 'disk.img'), interface: 'virtio' }],
  flash: undefined,
  tempRoot: root,
};
const shellOf = (machine: RunningMachine): Shell =>
  new Shell(machine.serial, { stamp: linuxConsole.stamp, signal: context.signal, timeoutMs: 120_000 });

let machine: RunningMachine;
let shell: Shell;
test.before(async () => {
  await writeFile(join(root, 'disk.img'), Buffer.alloc(MiB));
  machine = await launch(plan, context);
  shell = shellOf(machine);
});
test.after(async () => {
  await machine.stop();
  await rm(root, { recursive: true });
});

test('one logs in over the serial console and has output and status of commands', async () => {
  await shell.login('root', guestPassword);
  assert.equal(await shell.run('uname -s; id -u; exit_with() { return 5; }; exit_with'), { output: 'Linux\n0\n', status: 5 });
});

test('kernel messages between and inside of lines are not part of the output', async () => {
  const noise = 'for i in 1 2 3; do echo "<1>news $i" >/dev/kmsg; printf "wor"; echo "<1>cut $i" >/dev/kmsg; echo "ds $i"; done';
  assert.equal(await shell.run(noise), { output: 'words 1\nwords 2\nwords 3\n', status: 0 });
});

test('a port of the host leads into the guest', async () => {
  await shell.run('ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0; echo from inside | nc -l -p 80 >/dev/null &');
  let heard = '';
  for (let tries = 0; heard === '' && tries < 50; tries++) {
    const socket = createConnection(hostPort, '127.0.0.1');
    socket.on('data', (bytes) => (heard += String(bytes)));
    socket.on('error', () => undefined);
    socket.setTimeout(2000, () => socket.destroy());
    await new Promise((resolve) => socket.once('close', resolve));
    if (heard === '') await sleep(100);
  }
  assert.is(heard, 'from inside\n');
});

/** Runs tasks/vm.ts as a user would. */
async function vm(...words: string[]): Promise<{ exitCode: number | null; stderr: string; json: Record<string, unknown> }> {
  const argv = [process.execPath, join(project, 'tasks/vm.ts'), ...words, '--json'];
  const { exitCode, stdout, stderr } = await run(argv, { cwd: root, env: { ...env, TMPDIR: root } });
  return { exitCode, stderr, json: exitCode === 0 ? JSON.parse(stdout.trim().split('\n').at(-1) ?? '') : {} };
}

test('a paused machine prints nothing until it is resumed', async () => {
  assert.is((await vm('info')).json['state'], 'running');
  assert.is((await vm('pause')).json['state'], 'paused');
  let answered = false;
  const asked = shell.run('echo back').then((result) => {
    answered = true;
    return result.output;
  });
  assert.is((await vm('info')).json['state'], 'paused');
  assert.not.ok(answered);
  assert.is((await vm('resume')).json['state'], 'running');
  assert.is(await asked, 'back\n');
});

test('a snapshot contains memory and disk, and a machine continues from it', async () => {
  await shell.run('echo kept >/tmp/memory; echo kept on disk | dd of=/dev/vda conv=notrunc 2>/dev/null; sync');
  const kept = join(root, 'kept');
  const { exitCode, stderr } = await vm('snapshot', kept);
  assert.is(exitCode, 0, stderr);
  assert.equal((await readdir(kept)).sort(), ['disk0.qcow2', 'machine.json', 'state']);
  assert.is((await readFile(join(root, 'disk.img'))).length, MiB, 'the image is still there');
  await shell.run('echo later >/tmp/memory; echo later | dd of=/dev/vda conv=notrunc 2>/dev/null; sync');
  const network = { kind: 'user', forwards: [] } as const; // the port of the first machine is taken
  const disks = [{ path: join(kept, 'disk0.qcow2'), interface: 'virtio', format: 'qcow2' } as const];
  const again = { ...plan, machine: { ...description, network }, disks };
  const second = await launch({ ...again, restore: kept }, context);
  try {
    const there = shellOf(second);
    assert.is((await there.run('cat /tmp/memory; echo 3 >/proc/sys/vm/drop_caches; head -n 1 /dev/vda')).output, 'kept\nkept on disk\n');
  } finally {
    await second.stop();
  }
  assert.is((await shell.run('cat /tmp/memory')).output, 'later\n');
  assert.is((await vm('snapshot', kept)).exitCode, 1, 'a folder that is there is not overwritten');
  const state = await readFile(join(kept, 'state'));
  for (const [damaged, why] of [
    [Buffer.alloc(4 * MiB), /Cannot continue from the snapshot: QEMU does not accept its state/],
    [state.subarray(0, state.length / 2), /Cannot continue from the snapshot: QEMU does not accept its state/],
    [undefined, /Cannot continue from the snapshot: it does not exist/],
  ] as const) {
    await (damaged ? writeFile(join(kept, 'state'), damaged) : rm(join(kept, 'state')));
    const refused: unknown = await launch({ ...again, restore: kept }, context).catch((error: unknown) => error);
    assert.match((refused as Error).message, why);
  }
  assert.is((await runningMachines(root)).length, 1, 'a machine that did not start leaves nothing');
});

test('processors are added and memory is taken back while the guest runs', async () => {
  const { json, exitCode, stderr } = await vm('resize', '--cpus', '2', '--memory', '192M');
  assert.is(exitCode, 0, stderr);
  assert.is(json['cpus'], 2);
  assert.is(
    (
      await shell.run(
        'for i in $(seq 100); do [ -d /sys/devices/system/cpu/cpu1 ] && break; sleep 0.1; done; ls -d /sys/devices/system/cpu/cpu1',
      )
    ).status,
    0,
  );
  for (let tries = 0; (await vm('info')).json['memoryBytes'] !== 192 * MiB; tries++)
    if (tries === 50) throw new Error('the balloon does not fill');
  const tooMany = await vm('resize', '--cpus', '3');
  assert.is(tooMany.exitCode, 1);
  assert.match(tooMany.stderr, 'Cannot have 3 processors: the machine has room for 2');
});

test('a snapshot that cannot be written leaves nothing, and a second order to a machine that is spoken to does not wait for ever', async () => {
  const disks = [{ path: join(root, 'disk.img'), interface: 'nvme' } as const];
  const other = await launch({ ...plan, machine: { ...lonely, imageInterface: 'nvme' }, disks }, context);
  try {
    const [record] = (await runningMachines(root)).filter(({ pid }) => pid === other.pid);
    const folder = join(root, 'never');
    const { exitCode, stderr } = await vm('snapshot', folder, '--machine', String(other.pid));
    assert.is(exitCode, 1);
    assert.match(stderr, 'nvme');
    assert.not((await readdir(root)).includes('never'));
    const speaker = createConnection(join(record?.directory ?? '', 'control'));
    await new Promise((resolve) => speaker.once('data', resolve));
    assert.match((await vm('info', '--machine', String(other.pid))).stderr, 'another vm.ts may be connected');
    speaker.destroy();
    assert.is((await vm('info', '--machine', String(other.pid))).json['state'], 'running');
  } finally {
    await other.stop(); // the tests that follow have one machine
  }
});

test('wrong arguments are reported, and an ambiguous machine is an error', async () => {
  assert.match((await vm('puase')).stderr, 'did you mean pause?');
  assert.match((await vm('resize')).stderr, 'Cannot resize the machine: it needs --cpus N or --memory SIZE');
  assert.match((await vm('pause', '--machine', '1')).stderr, 'Cannot find a machine: no machine is running as process 1');
  assert.equal(((await vm('list')).json['machines'] as readonly unknown[]).length, 1);
});

test('the power button ends the guest in an orderly way', async () => {
  assert.is((await vm('shutdown')).exitCode, 0);
  const late = sleep(60_000, undefined, { ref: false }).then(() => ({ exitCode: 'still running' }));
  assert.is((await Promise.race([machine.ended, late])).exitCode, 0);
  await machine.stop();
  assert.equal(await runningMachines(root), []);
  assert.match((await vm('info')).stderr, 'Cannot find a machine: no machine is running');
});

/** Boots the guest with `more` on its command line and judges it. */
async function judged(
  name: string,
  more: string,
  change: Partial<MachineDescription>,
  test: Partial<BootTest>,
): Promise<[Judgement, Evidence]> {
  const found: Evidence[] = [];
  const folder = join(root, name);
  await mkdir(folder);
  const judgement = await bootTest(
    {
      machine: { ...lonely, kernel: { ...kernel, commandLine: `${kernel.commandLine} ${more}` }, ...change },
      image: undefined,
      accelerator: 'tcg',
      cacheDir: join(root, 'cache'),
      env: { PATH: pathOf(env), TMPDIR: root },
      rules: linuxConsole,
      limits: { timeoutMs: 120_000, silenceMs: 60_000, graceMs: 300 },
      steps: [],
      log: join(folder, 'boot.log'),
      onVerdict: (_judgement, _machine, evidence) => void found.push(evidence),
      ...test,
    },
    context,
  );
  const [evidence] = found;
  if (evidence === undefined) throw new Error('the verdict came without evidence');
  return [judgement, evidence];
}

test('a kernel that is started directly boots to its login, without a disk', async () => {
  const [{ verdict }] = await judged('login', '', {}, {});
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.is(verdict.kind === 'booted' && verdict.line, 'guest login:');
});

test('a shell whose prompt is only a sign confirms it by an echo', async () => {
  const [{ verdict, findings }] = await judged('sign', 'rdinit=/bin/busybox PS1="# " -- sh', {}, { log: join(root, 'sign.log') });
  assert.is(verdict.kind, 'booted', JSON.stringify(verdict));
  assert.equal(
    findings.filter(({ kind }) => kind.endsWith('-prompt')),
    [{ kind: 'confirmed-prompt', line: '#', count: 1 }],
  );
});

const script = `#!/bin/busybox sh
b=/bin/busybox
$b stat -c 'names %h' /bin/busybox-capable /bin/busybox-twin
[ $($b stat -c %i /bin/busybox-capable) = $($b stat -c %i /bin/busybox-twin) ] && echo one inode
$b su user -c "$b chroot / $b echo without" || echo denied
$b su user -c "/bin/busybox-twin chroot / $b echo allowed"
$b poweroff -f
`;

test("the kernel sees the hard links and file capabilities of an image's tree", async () => {
  const path = join(guest.root, 'bin/busybox');
  const program = file({ kind: 'host', path, sizeBytes: (await stat(path)).size }, 0o755);
  const capable = { ...program, inode: 'capable', xattrs: xattrsOf([[capabilityXattr, capabilityValue(['cap_sys_chroot'])]]) };
  const tree = fileTree([
    ['bin/busybox', program],
    ['bin/busybox-capable', capable],
    ['bin/busybox-twin', capable],
    ['bin/sh', symlink('busybox')],
    ['dev', directory()],
    ['etc/passwd', file('root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n')],
    ['etc/group', file('root:x:0:\nuser:x:1000:\n')],
    ['script', file(script, 0o755)],
  ]);
  const image = join(root, 'files.img');
  const partition = {
    name: 'root',
    typeGuid: '',
    startLba: 'next',
    sizeBytes: 'rest',
    contents: { kind: 'ext4', label: 'files', tree },
  } as const;
  const layout = { sizeBytes: 16 * MiB, table: 'none', timestampSec: 0, partitions: [partition] } as const;
  await assemble(layout, image, { path: pathOf(env) }, context);
  const commandLine = `${guest.commandLine} root=/dev/nvme0n1 devtmpfs.mount=1 init=/script`;
  const direct = { image: guest.kernel, commandLine };
  await judged('files', '', { imageInterface: 'nvme', kernel: direct }, { image });
  const text = (await readFile(join(root, 'files/boot.log'), 'latin1')).replaceAll('\r', '');
  for (const line of ['names 2\nnames 2\none inode\n', 'denied\n', 'allowed\n']) assert.match(text, line);
  assert.not.match(text, /^without$/m);
});

test('a guest that hangs leaves its registers, and a picture where it has a screen', async () => {
  const limits = { timeoutMs: 120_000, silenceMs: 4000, graceMs: 300 };
  const [{ verdict }, evidence] = await judged(
    'hang',
    'rdinit=/bin/busybox -- sleep 1000',
    { display: { kind: 'hidden' }, cpus: 2 },
    { limits },
  );
  assert.is(verdict.kind, 'stalled', JSON.stringify(verdict));
  assert.is(evidence.processors.length, 2);
  assert.match(evidence.processors[0] ?? '', /^CPU 0 is at 0x[0-9a-f]{16}/);
  assert.match(await readFile(evidence.registersFile ?? '', 'utf8'), 'CR3=');
  assert.equal([...(await readFile(evidence.screenshot ?? '')).subarray(1, 4)], [...Buffer.from('PNG')]);
});

test.run();
