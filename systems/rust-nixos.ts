// rust-nixos: a Linux with a userland in Rust as far as there are programs in Rust. It consists of Debian's
// packages, some of whose programs are replaced by components. The name and the user "nixos" are those of its
// other platform, a NixOS that Nix builds (`--base nix`).
import { defineSystem } from '../lib/system/define-system.ts';
import { console } from './linux/console.ts';
import { components, rustComponents } from './rust-nixos/components.ts';
import { rustInit, systemd, sysvinit } from './rust-nixos/init.ts';
import { machine } from './rust-nixos/machine.ts';
import { nixBase } from './rust-nixos/nix-base.ts';
import { profilesOf } from './rust-nixos/profiles.ts';
import { extraNames, replacements, rust } from './rust-nixos/replacements.ts';
import { sources } from './rust-nixos/sources.ts';
import { suites } from './rust-nixos/suites.ts';
import { bareDisk, smallDisk, uefiDisk } from './rust-nixos/variant.ts';

export const system = defineSystem({
  name: 'rust-nixos',
  title: 'rust-nixos',
  sources,
  components,
  replacements,
  // Each row has only the differences to the row that it extends.
  profiles: profilesOf({
    rust: {
      title: 'Rust programs under systemd',
      init: systemd,
      replace: rust,
      components: rustComponents,
      disk: bareDisk,
    },
    vanilla: {
      extends: 'rust',
      title: 'the same system with the C programs',
      replace: [],
      components: [],
      checks: [{ name: 'ls is GNU', run: 'ls --version', expect: /GNU coreutils/ }],
    },
    'nixos-nix': { extends: 'vanilla' }, // upstream's name
    'rust-init': {
      extends: 'rust',
      title: 'Rust programs under a Rust init',
      init: rustInit,
      replace: [...rust, 'init'],
      components: [...rustComponents, 'init'],
    },
    sysvinit: { extends: 'rust', title: 'Rust programs under sysvinit', init: sysvinit },
    small: {
      title: 'a Rust init, static coreutils and little else, at most 40 MB',
      init: rustInit,
      replace: ['coreutils-static', 'sudo', 'init'],
      components: ['coreutils-static', 'sudo-rs', 'init'],
      disk: smallDisk,
    },
    extras: {
      extends: 'rust',
      title: `Rust programs under systemd, with ${extraNames.join(', ')} besides`,
      replace: [...rust, ...extraNames],
      components: [...rustComponents, ...extraNames],
    },
    'rust-uefi': {
      extends: 'rust',
      title: 'the same as rust, on a disk that UEFI firmware starts',
      disk: uefiDisk,
    },
    experimental: {
      extends: 'rust',
      title: 'as rust, with brush as the shell',
      replace: [...rust, 'shell'],
      components: [...rustComponents, 'shell-launcher', 'brush'],
    },
    'experimental-systemd': {
      extends: 'rust',
      title: 'as rust, under the systemd in Rust',
      replace: [...rust, 'systemd'],
      components: [...rustComponents, 'rust-systemd'],
    },
    ...suites,
  }),
  defaultProfile: 'rust',
  nixBase,
  machine,
  console,
});
