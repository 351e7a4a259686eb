// AsterNixOS built by Nix: the system of nixos/default.nix with Asterinas' kernel, on one ext2. The kernel is
// started directly, by Multiboot.
import { MiB } from '../../lib/core/sizes.ts';
import type { NixBase } from '../../lib/system/image-facts.ts';

export const nixBase: NixBase<'kernel', 'kernel/asterinas-osdk-bin'> = {
  expression: 'asterinas/nixos',
  profiles: {
    nixos: {
      attribute: 'asterinas',
      protocol: 'multiboot',
      components: ['kernel'],
      packages: { kernel: { 'bin/asterinas-osdk-bin': { made: 'kernel/asterinas-osdk-bin' } } },
    },
  },
  image: {
    label: 'nixos',
    ext2: true,
    timestampSec: 1_767_225_600, // 2026-01-01
    spareBytes: 512 * MiB,
    files: {
      'etc/NIXOS': { text: '' },
      ...Object.fromEntries(['dev', 'proc', 'run', 'sys', 'tmp', 'var'].map((name) => [name, { folder: true }])),
    },
    link: 'nix/var/nix/profiles/system',
  },
};
