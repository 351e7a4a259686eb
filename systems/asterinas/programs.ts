// An initramfs with ordinary Linux programs: busybox as init, shell and tools. The bundled kernel runs none
// of them. Other kernels of the page do.
import type { FileFacts } from '../../lib/system/image-facts.ts';
import type { GuestSession } from '../../lib/console/rules.ts';

const applets = [
  'sh',
  'ash',
  'cat',
  'echo',
  'false',
  'getty',
  'head',
  'hostname',
  'login',
  'ls',
  'mkdir',
  'mount',
  'poweroff',
  'seq',
  'sort',
  'tail',
];
const more = ['test', 'true', 'uname', 'wc'];

/** The login of a machine that only tests use. */
const login = { user: 'root', password: 'asterinas' };
/** The hash of the password: SHA-512 in the form of crypt(5). */
const passwordHash = '$6$asterinas$I5pLWL5y6oa.Up03xfqwqAirEUNmLHvkEZUMcJye2M6Fr8jE9.6VJ/K7vHO.OAUdRQFxV3EBPOVCHai5AoBTr0';

const inittab = `::sysinit:/bin/mount -t proc proc /proc
::sysinit:/bin/mount -t sysfs sys /sys
::sysinit:/bin/mount -t devtmpfs dev /dev
::sysinit:/bin/busybox hostname -F /etc/hostname
ttyS0::respawn:/bin/getty -L ttyS0 115200 vt100
hvc0::respawn:/bin/getty -L hvc0 115200 vt100
`;

export const programs: FileFacts<never> = {
  init: { link: 'bin/busybox' },
  'bin/busybox': { packaged: 'busybox:{usr/,}bin/busybox', mode: 0o755 },
  ...Object.fromEntries([...applets, ...more].map((name) => [`bin/${name}`, { link: 'busybox' }])),
  'etc/inittab': { text: inittab },
  'etc/shadow': { text: `root:${passwordHash}:20000:0:99999:7:::\n`, mode: 0o600 },
  'etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\n' },
};

/** Checks that programs run, read files, are joined by pipes and end with their status. */
export const session: GuestSession = {
  login,
  checks: [
    { name: 'uname', run: 'uname -s', expect: 'Linux' },
    { name: 'the initramfs is the root', run: 'cat /etc/hostname', expect: 'asterinas' },
    { name: 'ls', run: 'ls /test', expect: 'boot_hello' },
    { name: 'a pipe', run: 'seq 3 | sort -r | head -n 1', expect: '3' },
    { name: 'an exit status', run: "busybox sh -c 'exit 7'", expect: '', status: 7 },
    { name: 'a program in Rust', run: '/test/boot_hello one two', expect: /^Arguments \(2\):\s+one\s+two\s/ },
  ],
  powerOff: 'poweroff -f',
};
