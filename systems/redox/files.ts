// The files of Redox's root file system and initfs that are text, in the shape that upstream's base configuration gives them.
// /etc/passwd has its fields apart by semicolons; devices are links into schemes.
import type { FileFact, FileFacts } from '../../lib/system/image-facts.ts';

type Initfs = Extract<FileFact, { readonly initfs: unknown }>['initfs'];

/** The bundled kernel prints these with their digests; upstream's runs init from here. */
export const initfs: Initfs = {
  generation: 'newer',
  bootstrap: 'bootstrap/bootstrap',
  files: {
    'bin/bootstrap': { made: 'bootstrap/bootstrap' },
    'etc/hostname': { text: 'redox\n' },
    'etc/motd': { text: 'Redox-shaped fixture of Bloomery\n' },
    'lib/init.d/00_base': { text: 'scheme logd\nnotify randd\nexport PATH /bin\n' },
    'lib/pcid.d/initfs.toml': { text: '[[drivers]]\nname = "NVMe storage"\nclass = 1\nsubclass = 8\ncommand = ["nvmed"]\n' },
    'etc/os-release': { link: '../lib/os-release' },
    'lib/os-release': { text: 'NAME="Redox (bundled fixture)"\nID=redox\n' },
  },
};

export const root: FileFacts = {
  'etc/hostname': { text: 'redox\n' },
  'etc/passwd': { text: 'root;0;0;root;/root;/bin/ion\nuser;1000;1000;user;/home/user;/bin/ion\n' },
  'etc/group': { text: 'root;0;root\nsudo;1;user\nuser;1000;user\n' },
  'etc/shadow': { text: 'root;\nuser;\n', mode: 0o600 },
  'etc/net/dns': { text: '208.67.222.222\n' },
  'etc/net/ip': { text: '10.0.2.15\n' },
  'etc/net/ip_router': { text: '10.0.2.2\n' },
  'etc/net/ip_subnet': { text: '255.255.255.0\n' },
  'etc/init.d': { link: '../usr/lib/init.d' },
  'usr/lib/init.d/00_base': { text: 'notify ipcd\nnotify ptyd\n' },
  'usr/lib/init.d/30_console': { text: 'nowait getty debug: -J\n' },
  'usr/lib/os-release': { text: 'NAME="Redox (bundled fixture)"\nID=redox\n' },
  bin: { link: 'usr/bin' },
  lib: { link: 'usr/lib' },
  'usr/bin': { folder: true },
  'dev/null': { link: '/scheme/null' },
  'dev/zero': { link: '/scheme/zero' },
  'dev/random': { link: '/scheme/rand' },
  'dev/urandom': { link: '/scheme/rand' },
  'dev/tty': { link: 'libc:tty' },
  'home/user': { folder: true, mode: 0o700, uid: 1000, gid: 1000 },
  root: { folder: true, mode: 0o700 },
  tmp: { folder: true, mode: 0o1777 },
};
