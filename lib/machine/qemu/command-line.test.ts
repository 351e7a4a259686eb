// Command lines as tables: the input, and the arguments of QEMU.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceleratorArguments,
  bareArguments,
  controlArguments,
  diskArguments,
  flashArguments,
  gdbArguments,
  kernelArguments,
  networkArguments,
  optionValue,
  qemuArguments,
  serialArguments,
  shareArguments,
  sizeArguments,
  withoutTerminal,
  writtenAccelerator,
} from './command-line.ts';

const sockets = { serialSocket: '/s', monitorSocket: '/m', controlSocket: '/c', shares: [] };

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
  [
    'room for processors, and a balloon',
    sizeArguments({ memoryBytes: 2 ** 20, cpus: 1, maxCpus: 4 }),
    '-m size=1M -smp cpus=1,maxcpus=4 -device virtio-balloon-pci,id=balloon0',
  ],
  [
    'a disk of a snapshot',
    diskArguments({ path: '/s', interface: 'ide', format: 'qcow2' }, 0),
    '-drive if=none,id=disk0,format=qcow2,snapshot=on,file=/s -device ide-hd,drive=disk0,bus=ide.0',
  ],
  [
    'a kernel with its initrd and words',
    kernelArguments({ image: '/k', initrd: '/i', commandLine: 'a b' }),
    '-kernel /k -initrd /i -append a b',
  ],
  ['a kernel alone', kernelArguments({ image: '/k', commandLine: '' }), '-kernel /k -append '],
  [
    'ports of the host lead into the guest, and from nowhere else',
    networkArguments({
      kind: 'user',
      forwards: [
        { hostPort: 2222, guestPort: 22 },
        { hostPort: 80, guestPort: 8080 },
      ],
    }),
    '-netdev user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:80-:8080 -device virtio-net-pci,netdev=net0',
  ],
  [
    'a TAP device that exists already',
    networkArguments({ kind: 'tap', device: 'tap0' }),
    '-netdev tap,id=net0,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=net0',
  ],
  [
    'two places to give orders: QEMU connects to ours, and listens at the other',
    controlArguments('/m', '/c'),
    '-chardev socket,id=monitor0,path=/m -mon chardev=monitor0,mode=control ' +
      '-chardev socket,id=control0,path=/c,server=on,wait=off -mon chardev=control0,mode=control',
  ],
  ['no screen unless one is wanted', bareArguments(), '-nodefaults -no-user-config -display none -vga none'],
  ['a hidden screen', bareArguments({ kind: 'hidden' }), '-nodefaults -no-user-config -display none -vga std'],
  ['a screen in a window', bareArguments({ kind: 'window', toolkit: 'gtk' }), '-nodefaults -no-user-config -display gtk -vga std'],
  [
    'a screen for VNC viewers',
    bareArguments({ kind: 'vnc', host: '127.0.0.1', number: 5 }),
    '-nodefaults -no-user-config -display vnc=127.0.0.1:5 -vga std',
  ],
  [
    'VNC at an address of IPv6',
    bareArguments({ kind: 'vnc', host: '::1', number: 0 }),
    '-nodefaults -no-user-config -display vnc=[::1]:0 -vga std',
  ],
  [
    'a folder over 9P',
    shareArguments([{ path: '/a,b', tag: 'share', readOnly: false }], 2 ** 30),
    '-fsdev local,id=share0,path=/a,,b,security_model=none,multidevs=remap -device virtio-9p-pci,fsdev=share0,mount_tag=share',
  ],
  [
    'a folder that the guest cannot write to',
    shareArguments([{ path: '/a', tag: 'docs', readOnly: true }], 2 ** 30),
    '-fsdev local,id=share0,path=/a,security_model=none,multidevs=remap,readonly=on -device virtio-9p-pci,fsdev=share0,mount_tag=docs',
  ],
  [
    'folders over virtio-fs, whose daemons read the memory of the guest',
    shareArguments(
      [
        { path: '/a', tag: 'one', readOnly: false, socket: '/s0' },
        { path: '/b', tag: 'two', readOnly: true, socket: '/s1' },
      ],
      2 ** 30 + 1,
    ),
    '-object memory-backend-memfd,id=memory,size=1025M,share=on -machine memory-backend=memory ' +
      '-chardev socket,id=share0,path=/s0 -device vhost-user-fs-pci,chardev=share0,tag=one ' +
      '-chardev socket,id=share1,path=/s1 -device vhost-user-fs-pci,chardev=share1,tag=two',
  ],
  ['no shared folder', shareArguments([], 2 ** 30), ''],
  ['a server for gdb', gdbArguments({ port: 1234, wait: false }), '-gdb tcp:127.0.0.1:1234'],
  ['a machine that waits for gdb', gdbArguments({ port: 9000, wait: true }), '-gdb tcp:127.0.0.1:9000 -S'],
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

test('a whole command line: no default devices, extra arguments last', () => {
  const words = qemuArguments({
    machine: { firmware: 'uefi', memoryBytes: 2 ** 29, cpus: 2, imageInterface: 'nvme', extraArguments: ['-device', 'isa-debug-exit'] },
    accelerator: 'tcg',
    disks: [
      { path: '/a', interface: 'nvme' },
      { path: '/b', interface: 'virtio' },
    ],
    flash: { code: '/C', variables: '/V', format: 'raw' },
    ...sockets,
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
  const words = qemuArguments({ machine, accelerator: 'tcg', disks: [], flash: undefined, ...sockets });
  assert.not.match(words.join(' '), 'pflash');
});

test('a virtio console replaces the UART, whose output is discarded', () => {
  assert.equal(serialArguments('/run/x/serial'), ['-chardev', 'socket,id=serial0,path=/run/x/serial', '-serial', 'chardev:serial0']);
  const words = serialArguments('/run/x/serial', { console: 'virtio' }).join(' ');
  assert.match(words, '-serial chardev:uart0 -device virtio-serial-pci -device virtconsole,chardev=serial0');
  assert.match(
    serialArguments('/s', { console: 'virtio', board: 'microvm' }).join(' '),
    '-device virtio-serial-device -device virtconsole',
  );
});

test('a disk that keeps writes has no overlay', () => {
  const [, drive] = diskArguments({ path: '/d', interface: 'virtio', keepsWrites: true }, 1);
  assert.is(drive, 'if=none,id=disk1,format=raw,snapshot=off,file=/d');
  assert.is(diskArguments({ path: '/d', interface: 'virtio' }, 0, 'microvm').at(-1), 'virtio-blk-device,drive=disk0');
});

const socket = '-chardev socket,path=/s,id=terminal';
const consoles: readonly (readonly [name: string, words: string, expected: string])[] = [
  ['nothing of a console', '-m 1G', `-m 1G ${socket} -serial chardev:terminal`],
  ['no words', '', `${socket} -serial chardev:terminal`],
  ['a serial line on the terminal', '-serial stdio -m 1G', `${socket} -serial chardev:terminal -m 1G`],
  ['with the monitor', '--serial mon:stdio', `${socket} -serial chardev:terminal`],
  ['the short form', '-nographic -m 1G', `-display none -monitor none ${socket} -serial chardev:terminal -m 1G`],
  [
    'the short form next to a serial line',
    '-nographic -serial mon:stdio',
    `-display none -monitor none ${socket} -serial chardev:terminal`,
  ],
  [
    'a virtio console',
    '-nographic -chardev stdio,id=mux,mux=on,signal=off,logfile=a.log -device virtconsole,chardev=mux -serial file:b.log -monitor chardev:mux',
    '-display none -monitor none -chardev socket,path=/s,id=mux,mux=on,logfile=a.log -device virtconsole,chardev=mux -serial file:b.log -monitor chardev:mux',
  ],
  ['a monitor of its own', '-monitor stdio -serial file:b.log', `-monitor none -serial file:b.log ${socket} -serial chardev:terminal`],
  ['another device', '-chardev file,id=stdio,path=x', `-chardev file,id=stdio,path=x ${socket} -serial chardev:terminal`],
];

for (const [name, words, expected] of consoles) {
  test(`the console of written arguments: ${name}`, () => {
    assert.is(withoutTerminal(words.split(' ').filter(Boolean), '/s').join(' '), expected);
  });
}

test('a comma in the path of the socket is written twice', () => {
  assert.ok(withoutTerminal([], '/a,b').includes('socket,path=/a,,b,id=terminal'));
});

test('the accelerator is that of the words', () => {
  for (const [words, accelerator] of [
    ['-m 1G', 'tcg'],
    ['-accel kvm', 'kvm'],
    ['-accel tcg', 'tcg'],
    ['-enable-kvm', 'kvm'],
    ['-machine q35,accel=kvm:tcg', 'kvm'],
    ['-M q35,accel=kvm', 'kvm'],
    ['-name accel=kvm', 'tcg'],
  ] as const) {
    assert.is(writtenAccelerator(words.split(' ')), accelerator, words);
  }
});

test.run();
