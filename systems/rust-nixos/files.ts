// Files of rust-nixos's root that are text: who it is, who may log in, what is mounted.
import type { FileFacts } from '../../lib/system/image-facts.ts';
import { sudoers } from './replacements.ts';

export const login = { user: 'nixos', password: 'nixos' };

/** SHA-512 crypt of that password, with a salt that is the same everywhere: images are to be the same bytes. */
const passwordHash = '$6$bloomery$SDya3qitDzr5RD9qGtKJx2rm/isNayNgTriUoyEauTMUxiqFiIdG1A3tDpeXS0rzQYlOUnF2gxTZpXfZ7I/Ge.';

export const common: FileFacts = {
  ...sudoers,
  'etc/hostname': { text: 'rust-nixos\n' },
  'etc/hosts': { text: '127.0.0.1 localhost\n127.0.1.1 rust-nixos\n::1 localhost ip6-localhost\n' },
  'etc/fstab': { text: '/dev/nvme0n1 / ext4 defaults 0 0\n' },
  'etc/motd': { text: '' },
  'etc/passwd': { append: 'nixos:x:1000:1000:nixos:/home/nixos:/bin/bash\n' },
  'etc/shadow': { append: `nixos:${passwordHash}:20000:0:99999:7:::\n` },
  'etc/group': { append: 'nixos:x:1000:\nwheel:x:970:nixos\n' },
  'etc/gshadow': { append: 'nixos:!::\nwheel:!::nixos\n' },
  'home/nixos': { folder: true, mode: 0o700, uid: 1000, gid: 1000 },
};
