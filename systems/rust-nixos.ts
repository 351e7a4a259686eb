// rust-nixos: a Linux whose userland is Rust where Rust has it. This page is its facts: Debian's packages as the base, which of their programs give
// way to components, the variants of its image, what it says on the serial console and what is looked at when it has booted.
import { MiB } from '../lib/core/sizes.ts';
import type { GuestCheck, GuestSession } from '../lib/system/guest-check.ts';
import type { ImageFacts, RootFacts } from '../lib/system/image-facts.ts';
import type { System } from '../lib/system/system.ts';
import { console } from './linux/console.ts';
import { components } from './rust-nixos/components.ts';
import { common, login } from './rust-nixos/files.ts';
import { machine } from './rust-nixos/machine.ts';
import { replacements } from './rust-nixos/replacements.ts';
import { sources } from './rust-nixos/sources.ts';
import { systemd } from './rust-nixos/init.ts';

/** One ext4 on the whole disk; the machine starts the kernel directly. */
function image(root: RootFacts, files: ImageFacts['partitions'][number]['files'], sizeBytes = 512 * MiB): ImageFacts {
  return {
    sizeBytes,
    table: 'none',
    timestampSec: 1_767_225_600, // 2026-01-01
    partitions: [{ name: 'root', typeGuid: '', fileSystem: { kind: 'ext4', label: 'nixos' }, root, files: { ...common, ...files } }],
  };
}

const kernel = { from: 'kernel:boot/vmlinuz-*', commandLine: 'console=ttyS0 root=/dev/nvme0n1 rw panic=-1' };

/** What every profile is asked once it has booted, beside the checks of its replacements. */
function session(more: readonly GuestCheck[], replaced: readonly string[] = []): GuestSession {
  return {
    login,
    checks: [
      { name: 'sudo makes root of a user', run: 'sudo id', expect: /^uid=0\(root\)/m },
      ...replaced.flatMap((name) => replacements[name]?.checks ?? []),
      ...more,
    ],
    powerOff: 'sudo poweroff',
  };
}

const rust = ['coreutils', 'sudo', 'findutils'];

export const system: System = {
  name: 'rust-nixos',
  title: 'rust-nixos',
  components,
  sources,
  replacements,
  profiles: {
    vanilla: {
      title: 'the same system with the C programs',
      cargoProfile: 'system',
      components: [],
      image: image({ base: 'systemd', replacements: [] }, systemd.files),
      kernel,
      session: session([{ name: 'ls is GNU', run: 'ls --version', expect: /GNU coreutils/ }, ...systemd.checks]),
    },
    rust: {
      title: 'Rust programs under systemd',
      cargoProfile: 'system',
      components: ['coreutils', 'sudo-rs', 'findutils'],
      image: image({ base: 'systemd', replacements: rust }, systemd.files),
      kernel,
      session: session(systemd.checks, rust),
    },
  },
  machine,
  console,
};
