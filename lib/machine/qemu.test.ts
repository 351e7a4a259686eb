// Command lines as tables: what goes in, what QEMU is told.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { acceleratorArguments, diskArguments, flashArguments, optionValue, qemuArguments, serialArguments, sizeArguments } from './qemu.ts';

const tables: readonly (readonly [name: string, built: readonly string[], expected: string])[] = [
  ['TCG is without cmpxchg16b', acceleratorArguments('tcg'), '-machine q35,accel=tcg -cpu max,-cx16'],
  ['KVM has the processor of the host', acceleratorArguments('kvm'), '-machine q35,accel=kvm -cpu host'],
  ['memory is in MiB', sizeArguments({ memoryBytes: 2 ** 31, cpus: 4 }), '-m size=2048M -smp cpus=4'],
  ['memory is rounded up', sizeArguments({ memoryBytes: 2 ** 20 + 1, cpus: 1 }), '-m size=2M -smp cpus=1'],
  [
    'an NVMe disk',
    diskArguments({ path: '/i.img', interface: 'nvme' }, 0),
    '-drive if=none,id=disk0,format=raw,snapshot=on,file=/i.img -device nvme,drive=disk0,serial=disk0',
  ],
  [
    'a virtio disk',
    diskArguments({ path: '/i.img', interface: 'virtio' }, 1),
    '-drive if=none,id=disk1,format=raw,snapshot=on,file=/i.img -device virtio-blk-pci,drive=disk1',
  ],
  [
    'an IDE disk',
    diskArguments({ path: '/i.img', interface: 'ide' }, 2),
    '-drive if=none,id=disk2,format=raw,snapshot=on,file=/i.img -device ide-hd,drive=disk2,bus=ide.2',
  ],
  [
    'flash: the code is read-only, the variables are not',
    flashArguments({ code: '/C.fd', variables: '/V.fd', format: 'raw' }),
    '-drive if=pflash,unit=0,readonly=on,format=raw,file=/C.fd -drive if=pflash,unit=1,format=raw,file=/V.fd',
  ],
  ['the serial port', serialArguments('/s'), '-chardev socket,id=serial0,path=/s -serial chardev:serial0'],
];

for (const [name, built, expected] of tables) {
  test(name, () => {
    assert.is(built.join(' '), expected);
  });
}

test('a comma in a path is written twice', () => {
  assert.is(optionValue('/a,b,,c'), '/a,,b,,,,c');
});

test('a whole command line: nothing that was not asked for, extra arguments last', () => {
  const words = qemuArguments({
    machine: { firmware: 'uefi', memoryBytes: 2 ** 29, cpus: 2, imageInterface: 'nvme', extraArguments: ['-device', 'isa-debug-exit'] },
    accelerator: 'tcg',
    disks: [
      { path: '/a', interface: 'nvme' },
      { path: '/b', interface: 'virtio' },
    ],
    flash: { code: '/C', variables: '/V', format: 'raw' },
    serialSocket: '/s',
  });
  assert.equal(words.slice(0, 2), ['-nodefaults', '-no-user-config']);
  assert.equal(words.slice(-2), ['-device', 'isa-debug-exit']);
  assert.equal(
    words.filter((word) => word.startsWith('if=none')).map((word) => word.split('=').at(-1)),
    ['/a', '/b'],
  );
  assert.is(words.filter((word) => word.startsWith('if=pflash')).length, 2);
});

test('BIOS firmware needs no flash', () => {
  const machine = { firmware: 'bios', memoryBytes: 2 ** 25, cpus: 1, imageInterface: 'ide' } as const;
  const words = qemuArguments({ machine, accelerator: 'tcg', disks: [], flash: undefined, serialSocket: '/s' });
  assert.not.match(words.join(' '), 'pflash');
});

test.run();
