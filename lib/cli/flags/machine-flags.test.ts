// The machine that a command line asks for.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MachineDescription } from '../../machine/machine.ts';
import { parseCommandLine } from '../command-line.ts';
import { changedMachine, machineChanges } from './machine-flags.ts';
import { memoryOf } from './cache-amounts.ts';

const base: MachineDescription = { firmware: 'uefi', memoryBytes: 2 ** 30, cpus: 2, imageInterface: 'nvme' };
const usage = { command: 'x', words: '', about: '', count: [0, 0], flags: machineChanges, examples: [] } as const;
const changed = (...words: string[]): MachineDescription => changedMachine(base, parseCommandLine(usage, words), (text) => `/cwd/${text}`);

test('without flags it is as the system wants it', () => {
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

test('what cannot be meant is told', () => {
  for (const [words, sentence] of [
    [['--initrd', 'i'], '--initrd is for --kernel FILE'],
    [['--append', 'x'], '--append is for --kernel FILE'],
    [['--kernel', 'k', '--append', 'x'.repeat(4096)], 'Cannot use --append: it has 4096 bytes, and kernels take 4095'],
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

test.run();
