// The machine that a command line asks for, and its devices.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MachineDescription } from '../../machine/machine.ts';
import { parseCommandLine, memoryOf } from '../command-line.ts';
import type { CommandLine } from '../command-line.ts';
import { changedMachine, machineChanges, devicesOf, gdbFlags } from './machine-flags.ts';
import { Failure } from '../../core/errors.ts';
import { GiB } from '../../core/sizes.ts';

const base: MachineDescription = { firmware: 'uefi', memoryBytes: 2 ** 30, cpus: 2, imageInterface: 'nvme' };
const usage = { command: 'x', words: '[WORD]', about: '', count: [0, 1], flags: { ...machineChanges, ...gdbFlags }, examples: [] } as const;
const changed = (...words: string[]): MachineDescription => changedMachine(base, parseCommandLine(usage, words), (text) => `/cwd/${text}`);

test('without flags the machine is that of the system', () => {
  assert.equal(changed(), base);
});

test('sizes, a screen, a status of success', () => {
  const words = ['--cpus', '4', '--max-cpus', '8', '--memory', '512M', '--display', '--debug-exit', '16'];
  const more = { cpus: 4, maxCpus: 8, memoryBytes: 2 ** 29, display: { kind: 'hidden' }, debugExit: { success: 16 } };
  assert.equal(changed(...words), { ...base, ...more });
  assert.is(memoryOf('3G'), 3 * 2 ** 30);
});

test('a kernel that is started directly needs no firmware', () => {
  assert.equal(changed('--kernel', 'k', '--initrd', 'i', '--append', 'console=ttyS0'), {
    ...base,
    firmware: 'bios',
    kernel: { image: '/cwd/k', initrd: '/cwd/i', commandLine: 'console=ttyS0' },
  });
  assert.equal(changed('--kernel', 'k').kernel, { image: '/cwd/k', commandLine: '' });
});

test('networks', () => {
  assert.equal(changed('--net').network, { kind: 'user', forwards: [] });
  const forwards = [
    { hostPort: 2222, guestPort: 22 },
    { hostPort: 8080, guestPort: 80 },
  ];
  assert.equal(changed('--forward', '2222:22', '--forward', '8080:80').network, { kind: 'user', forwards });
  assert.equal(changed('--tap', 'bloomery0').network, { kind: 'tap', device: 'bloomery0' });
});

test('contradictory flags are reported', () => {
  for (const [words, sentence] of [
    [['--initrd', 'i'], '--initrd is for --kernel FILE'],
    [['--append', 'x'], '--append is for --kernel FILE'],
    [['--kernel', 'k', '--append', 'x'.repeat(4096)], 'Cannot use --append: it has 4096 bytes, and the limit of kernels is 4095'],
    [['--forward', '22'], 'Cannot use --forward "22": it must be two ports, like 2222:22'],
    [['--forward', '0:22'], 'it must be two ports'],
    [['--forward', '70000:22'], 'it must be two ports'],
    [['--tap', 't', '--net'], '--tap is another network than --net and --forward'],
    [['--max-cpus', '1'], 'the machine begins with 2'],
    [['--memory', '512'], 'it is less than a MiB'],
  ] as const) {
    assert.throws(
      () => changed(...words),
      (error: Error) => error.message.includes(sentence),
      words.join(' '),
    );
  }
});

const parsed = (...words: string[]): CommandLine => parseCommandLine(usage, words);
const devices = (...words: string[]): ReturnType<typeof devicesOf> => devicesOf(parsed(...words), (text) => `/cwd/${text}`);

test('without flags there are no devices', () => {
  assert.equal(devices(), {});
});

test('a screen is hidden, in a window, or at a VNC display', () => {
  for (const [words, display] of [
    [['--display'], { kind: 'hidden' }],
    [['--display', 'none'], { kind: 'hidden' }],
    [['--display', 'gtk'], { kind: 'window', toolkit: 'gtk' }],
    [['--display=sdl'], { kind: 'window', toolkit: 'sdl' }],
    [['--vnc', '0'], { kind: 'vnc', host: '127.0.0.1', number: 0 }],
    [['--vnc', '192.0.2.1:12'], { kind: 'vnc', host: '192.0.2.1', number: 12 }],
    [['--vnc', '[::1]:3'], { kind: 'vnc', host: '::1', number: 3 }],
  ] as const) {
    assert.equal(devices(...words), { display }, words.join(' '));
  }
});

test('a flag with an optional value does not take the word after it', () => {
  const args = parsed('--gdb', 'system', '--display');
  assert.equal(args.words, ['system']);
  assert.equal(
    devicesOf(args, (text) => text),
    { display: { kind: 'hidden' }, gdb: { port: 1234, wait: false } },
  );
  assert.equal(parsed('--display', 'system').words, ['system']);
});

test('a second disk has the size that the system wishes, unless it is a file already', () => {
  assert.equal(devices('--disk', 'd.img'), { targetDisk: { sizeBytes: 2 * GiB, path: '/cwd/d.img' } });
  const own = devicesOf(parsed('--disk', 'd.img'), (text) => text, { sizeBytes: GiB });
  assert.equal(own, { targetDisk: { sizeBytes: GiB, path: 'd.img' } });
});

test('a server for gdb', () => {
  assert.equal(devices('--gdb'), { gdb: { port: 1234, wait: false } });
  assert.equal(devices('--gdb', '9000', '--gdb-wait'), { gdb: { port: 9000, wait: true } });
});

test('shared folders have tags, in the order of the command line', () => {
  assert.equal(devices('--share', 'a'), { shares: [{ path: '/cwd/a', tag: 'share', readOnly: false }] });
  const words = ['--share-read-only', 'x=y=docs', '--share', 'a', '--share', 'b=tools', '--share-driver', '9p'];
  assert.equal(devices(...words), {
    shares: [
      { path: '/cwd/x=y', tag: 'docs', readOnly: true },
      { path: '/cwd/a', tag: 'share', readOnly: false },
      { path: '/cwd/b', tag: 'tools', readOnly: false },
    ],
    shareDriver: '9p',
  });
});

test('unusable flags are usage errors with a reason', () => {
  for (const [words, sentence] of [
    [['--display=gkt'], 'Cannot use --display "gkt": it must be none, gtk, sdl | did you mean gtk?'],
    [['--display', 'gkt'], 'Cannot use --display "gkt": it must be none, gtk, sdl | did you mean gtk?'],
    [['--display=curses'], 'Cannot use --display "curses": it must be none, gtk, sdl | --vnc N shows the screen to a VNC viewer'],
    [['--vnc', 'first'], 'Cannot use --vnc "first": it must be a display number'],
    [['--vnc', 'a,to=9:1'], 'Cannot use --vnc "a,to=9:1"'],
    [['--vnc', '0', '--display'], '--display and --vnc show the same screen'],
    [['--gdb=x'], 'Cannot use --gdb "x": it must be a port from 1 to 65535'],
    [['--gdb', '65536'], 'it must be a port from 1 to 65535'],
    [['--gdb-wait'], '--gdb-wait is for --gdb'],
    [['--share', '=tag'], 'Cannot use --share "=tag": it must be DIR or DIR=TAG'],
    [['--share', 'a=b c'], 'Cannot use --share "a=b c": the tag must be'],
    [['--share-read-only', `a=${'x'.repeat(32)}`], 'the tag must be 1 to 31'],
    [['--share', 'a', '--share', 'b'], 'Cannot share "/cwd/b": the tag "share" is used by another folder | say --share b=TAG'],
    [['--share-driver', '9p'], '--share-driver is for --share DIR'],
    [
      ['--share', 'a', '--share-driver', 'virtio'],
      'Cannot use --share-driver "virtio": it must be virtiofs or 9p | did you mean virtiofs?',
    ],
  ] as const) {
    try {
      devices(...words);
      assert.unreachable(words.join(' '));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      assert.is(error.exitCode, 2);
      assert.ok(`${error.message} | ${error.hint}`.includes(sentence), `${error.message} | ${error.hint}`);
    }
  }
});

test.run();
