// rust-nixos: a Linux whose userland is Rust where Rust has it. This page is its facts: Debian's packages as the base, which of their programs give
// way to components, the variants of its image, how its machine is started and what it says on the serial console.
import { defineSystem } from '../lib/system/define-system.ts';
import { console } from './linux/console.ts';
import { components } from './rust-nixos/components.ts';
import { machine } from './rust-nixos/machine.ts';
import { nixBase } from './rust-nixos/nix-base.ts';
import { profiles } from './rust-nixos/profiles.ts';
import { replacements } from './rust-nixos/replacements.ts';
import { sources } from './rust-nixos/sources.ts';

export const system = defineSystem({
  name: 'rust-nixos',
  title: 'rust-nixos',
  sources,
  components,
  replacements,
  profiles,
  defaultProfile: 'rust',
  nixBase,
  machine,
  console,
});
