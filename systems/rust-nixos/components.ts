// The components of rust-nixos: programs of crates that Debian packages, small bundled ones, and two
// experimental ones that only upstream has.
import type { Component, DebianSource } from '../../lib/system/component.ts';
import type { OutputsOf } from '../../lib/system/define-system.ts';
import { coreutils } from './commands.ts';

/** expr and find link with the host's oniguruma, which pkg-config finds. The image contains the same library. */
const onig = { RUSTONIG_SYSTEM_LIBONIG: '1' };

const uutils: DebianSource = {
  from: { tarball: 'rust-coreutils' },
  // The patches of Debian's packagers are in the tarball: they relax versions to those of trixie, and remove
  // commands without crates.
  series: 'debian/patches/series',
  edits: [
    {
      file: 'src/uu/tr/src/operation.rs',
      from: 'tag("[="),\n            (',
      to: 'tag("[="),\n            nom::sequence::pair(',
      why: 'trixie has nom 7, whose tuples are no parsers',
    },
  ],
};

/** One program implements all of GNU's digests. */
const digests = /^(?:b2|md5|sha\d+)sum$/;

export type ComponentName = keyof typeof components;
/** The outputs of components that images may have. */
export type Made = OutputsOf<typeof components>;

/** The components of a profile of full size. */
export const rustComponents = ['coreutils', 'sudo-rs', 'findutils'] as const;

export const components = {
  coreutils: {
    title: 'uutils coreutils 0.0.30, one program for all commands',
    debian: uutils,
    cargo: {
      bins: ['coreutils'],
      features: ['feat_Tier1', 'feat_require_unix', 'feat_require_unix_hostid', 'feat_require_unix_utmpx'],
      env: onig,
    },
  },
  'coreutils-static': {
    title: 'the same without shared libraries, and so without expr, which matches with oniguruma',
    debian: uutils,
    cargo: {
      bins: ['coreutils'],
      defaultFeatures: false,
      features: [...coreutils.filter((name) => name !== '[' && name !== 'expr' && !digests.test(name)), 'chroot', 'hashsum'],
      configs: ['linux/static.toml'],
    },
  },
  'sudo-rs': {
    title: 'sudo-rs 0.2.5: sudo and visudo',
    debian: { from: { crate: 'sudo-rs' } },
    cargo: { bins: ['sudo', 'visudo'] },
  },
  findutils: {
    title: 'uutils findutils 0.8: find and xargs',
    debian: { from: { crate: 'findutils' } },
    cargo: { bins: ['find', 'xargs'], env: onig },
  },
  bat: {
    title: 'bat 0.25, without its look at git',
    debian: { from: { crate: 'bat' } },
    cargo: { bins: ['bat'], defaultFeatures: false, features: ['minimal-application'], env: onig },
  },
  eza: {
    title: 'eza 0.21, without its look at git',
    debian: { from: { crate: 'eza' } },
    cargo: { bins: ['eza'], defaultFeatures: false },
  },
  hexyl: { title: 'hexyl 0.8', debian: { from: { crate: 'hexyl' } }, cargo: { bins: ['hexyl'] } },
  just: { title: 'just 1.40', debian: { from: { crate: 'just' } }, cargo: { bins: ['just'] } },
  tokei: { title: 'tokei 12', debian: { from: { crate: 'tokei' } }, cargo: { bins: ['tokei'] } },
  init: {
    title: 'a small process 1 of our own, and a program that shows how it treats services',
    bundled: 'rust-nixos/programs',
    cargo: { bins: ['init', 'probe'] },
  },
  'shell-launcher': {
    title: 'what /usr/bin/bash is where brush is the shell: the terminal and the arguments as brush needs them',
    bundled: 'rust-nixos/programs',
    cargo: { bins: ['launcher'] },
  },
  // The last two are experimental: Debian does not have them, and the image boots without them.
  brush: {
    title: 'brush, a shell that follows bash',
    upstream: { git: 'https://github.com/reubeno/brush', branch: 'main' },
    cargo: { bins: ['brush'] },
  },
  'rust-systemd': {
    title: "upstream's rewrite of systemd",
    upstream: { git: 'https://github.com/overby-me/overby-me', branch: 'main', folder: 'rust/systemd' },
    cargo: { bins: ['systemd', 'systemctl'] },
  },
} as const satisfies Readonly<Record<string, Component>>;
