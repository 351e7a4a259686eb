// rust-nixos: a Linux whose userland is Rust where Rust has it. This page is its facts: Debian's packages as the base, which of their programs give
// way to components, the variants of its image, what it says on the serial console and what is looked at when it has booted.
import { MiB } from '../lib/core/sizes.ts';
import type { GuestCheck, GuestSession } from '../lib/system/guest-check.ts';
import type { ImageFacts, RootFacts } from '../lib/system/image-facts.ts';
import type { KernelFacts, System, SystemProfile } from '../lib/system/system.ts';
import { console } from './linux/console.ts';
import { components } from './rust-nixos/components.ts';
import { common, login } from './rust-nixos/files.ts';
import { rustInit, systemd, sysvinit } from './rust-nixos/init.ts';
import type { Init } from './rust-nixos/init.ts';
import { machine } from './rust-nixos/machine.ts';
import { replacements } from './rust-nixos/replacements.ts';
import { baseServices } from './rust-nixos/services.ts';
import { smallKeeps } from './rust-nixos/small.ts';
import { sources } from './rust-nixos/sources.ts';

/** One ext4 on the whole disk; the machine starts the kernel directly. */
function image(init: Init, replaced: readonly string[]): ImageFacts {
  const services = { init: init.name, set: baseServices };
  const root: RootFacts = { base: init.base, replacements: replaced, services, modules };
  const files = { ...common, ...init.files };
  return {
    sizeBytes: 512 * MiB,
    table: 'none',
    timestampSec: 1_767_225_600, // 2026-01-01
    partitions: [{ name: 'root', typeGuid: '', fileSystem: { kind: 'ext4', label: 'nixos' }, root, files }],
  };
}

/** What the cloud kernel has not built in, and a machine here may need. */
const modules = { from: 'kernel', names: ['autofs4', 'dummy', 'virtio_balloon', 'virtio_blk', 'virtio_net', 'virtio_rng'] };

const kernelFile = 'kernel:boot/vmlinuz-*';

function kernel({ kernelWords }: Init): KernelFacts {
  return { from: kernelFile, commandLine: `console=ttyS0 root=/dev/nvme0n1 rw panic=-1${kernelWords}` };
}

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
const rustComponents = ['coreutils', 'sudo-rs', 'findutils'];

/** A profile of full size. */
function profile(title: string, init: Init, replaced: readonly string[], components: readonly string[]): SystemProfile {
  const own = replaced.length === 0 ? [{ name: 'ls is GNU', run: 'ls --version', expect: /GNU coreutils/ }] : [];
  const facts = { title, cargoProfile: 'system', components, image: image(init, replaced), kernel: kernel(init) };
  return { ...facts, session: session([...own, ...init.checks], replaced) };
}

/** At most 40 MB with its kernel: what a login needs, and nothing that installs packages. */
function small(): SystemProfile {
  const replaced = ['coreutils-static', 'sudo', 'init'];
  const whole = image(rustInit, replaced);
  const partitions = whole.partitions.map((partition) => ({
    ...partition,
    ...(partition.root && { root: { ...partition.root, keeps: smallKeeps, modules: { from: 'kernel', names: ['dummy', 'virtio_net'] } } }),
    files: { ...partition.files, 'boot/vmlinuz': { packaged: kernelFile } },
  }));
  const components = ['coreutils-static', 'sudo-rs', 'init'];
  return {
    title: 'a Rust init, static coreutils and little else, at most 40 MB',
    cargoProfile: 'system',
    components,
    image: { ...whole, sizeBytes: 64 * MiB, partitions },
    kernel: kernel(rustInit),
    session: session(rustInit.checks, replaced),
  };
}

export const system: System = {
  name: 'rust-nixos',
  title: 'rust-nixos',
  components,
  sources,
  replacements,
  profiles: {
    rust: profile('Rust programs under systemd', systemd, rust, rustComponents),
    vanilla: profile('the same system with the C programs', systemd, [], []),
    'rust-init': profile('Rust programs under a Rust init', rustInit, [...rust, 'init'], [...rustComponents, 'init']),
    small: small(),
    sysvinit: profile('Rust programs under sysvinit', sysvinit, rust, rustComponents),
  },
  machine,
  console,
};
