// The variants of rust-nixos: which programs, which init, which image, which services; and what is looked at in the guest when it has booted.
import { MiB } from '../../lib/core/sizes.ts';
import { partitionTypes } from '../../lib/image/partition-types.ts';
import type { GuestCheck, GuestSession } from '../../lib/system/guest-session.ts';
import type { ImageFacts, PartitionFacts } from '../../lib/system/image-facts.ts';
import type { ServiceSet } from '../../lib/system/services.ts';
import type { KernelFacts, SystemProfile } from '../../lib/system/system.ts';
import { behaviourMachine, behaviourRows, behaviourServices, consoleRows } from './behaviour.ts';
import { rustComponents } from './components.ts';
import type { ComponentName, Made } from './components.ts';
import { common, login } from './files.ts';
import { rustInit, systemd, sysvinit } from './init.ts';
import type { Init } from './init.ts';
import { kernelModules } from './machine.ts';
import { extraNames, replacements, rust } from './replacements.ts';
import { baseServices } from './services.ts';
import { smallKeeps } from './small.ts';

type Profile = SystemProfile<ComponentName, Made>;

const kernelFile = 'kernel:boot/vmlinuz-*';
const loaderFile = 'loader:usr/lib/systemd/boot/efi/systemd-bootx64.efi';
const timestampSec = 1_767_225_600; // 2026-01-01

const modules = { from: 'kernel', names: kernelModules };

function rootPartition(init: Init, replaced: readonly string[], set: ServiceSet): PartitionFacts<Made> {
  return {
    name: 'root',
    typeGuid: partitionTypes.linuxRoot,
    fileSystem: { kind: 'ext4', label: 'nixos' },
    root: { base: init.base, replacements: replaced, services: { init: init.name, set }, modules },
    files: { ...common, ...init.files },
  };
}

/** One ext4 on the whole disk; the machine starts the kernel directly. */
function bareImage(root: PartitionFacts<Made>, sizeBytes = 256 * MiB): ImageFacts<Made> {
  return { sizeBytes, table: 'none', timestampSec, partitions: [root] };
}

const kernelWords = ({ kernelWords: own }: Init, device: string): string => `console=ttyS0 root=${device} rw panic=-1${own}`;

function kernel(init: Init): KernelFacts<Made> {
  return { from: kernelFile, commandLine: kernelWords(init, '/dev/nvme0n1') };
}

/** What every profile is asked once it has booted, beside the checks of its replacements. */
function session(more: readonly GuestCheck[], replaced: readonly string[] = []): GuestSession {
  const checks = [
    { name: 'sudo makes root of a user', run: 'sudo id', expect: /^uid=0\(root\)/m },
    ...replaced.flatMap((name) => replacements[name]?.checks ?? []),
    ...more,
  ];
  return { login, checks, powerOff: 'sudo poweroff' };
}

/** A profile of full size. */
function whole(title: string, init: Init, replaced: readonly string[], components: readonly ComponentName[]): Profile {
  const image = bareImage(rootPartition(init, replaced, baseServices));
  return { title, cargoProfile: 'system', components, image, kernel: kernel(init), session: session(init.checks, replaced) };
}

const vanilla: Profile = {
  ...whole('the same system with the C programs', systemd, [], []),
  session: session([{ name: 'ls is GNU', run: 'ls --version', expect: /GNU coreutils/ }, ...systemd.checks]),
};

/** At most 40 MB with its kernel: what a login needs, and nothing that installs packages. */
function small(title: string, set: ServiceSet, more: readonly string[] = []): Profile {
  const replaced = ['coreutils-static', 'sudo', 'init', ...more];
  const { root, files, ...rest } = rootPartition(rustInit, replaced, set);
  const kept = root && { ...root, keeps: smallKeeps, modules: { from: 'kernel', names: ['dummy', 'virtio_net'] } };
  const image = bareImage(
    { ...rest, ...(kept && { root: kept }), files: { ...files, 'boot/vmlinuz': { packaged: kernelFile } } },
    64 * MiB,
  );
  const components = ['coreutils-static', 'sudo-rs', 'init'] as const;
  return { title, cargoProfile: 'system', components, image, kernel: kernel(rustInit), session: session(rustInit.checks, replaced) };
}

/** A disk that UEFI firmware starts: systemd-boot, the kernel, the root behind them. */
function uefi(): Profile {
  const { kernel: _, ...profile } = whole('the same as rust, on a disk that UEFI firmware starts', systemd, rust, rustComponents);
  const files = {
    'EFI/BOOT/BOOTX64.EFI': { packaged: loaderFile },
    'loader/loader.conf': { text: 'timeout 0\ndefault rust-nixos.conf\n' },
    'loader/entries/rust-nixos.conf': {
      text: `title rust-nixos\nlinux /vmlinuz\noptions ${kernelWords(systemd, '/dev/nvme0n1p2')}\n`,
    },
    vmlinuz: { packaged: kernelFile },
  };
  const esp: PartitionFacts<Made> = {
    name: 'ESP',
    typeGuid: partitionTypes.esp,
    sizeBytes: 64 * MiB,
    fileSystem: { kind: 'fat', label: 'ESP' },
    files,
  };
  const { files: texts, ...root } = rootPartition(systemd, rust, baseServices);
  const fstab = { 'etc/fstab': { text: '/dev/nvme0n1p2 / ext4 defaults 0 0\n' } };
  const image = { sizeBytes: 384 * MiB, timestampSec, partitions: [esp, { ...root, files: { ...texts, ...fstab } }] };
  return { ...profile, image, machine: { firmware: 'uefi' } };
}

/** The suite that shows that an init does what the description of services says (behaviour.ts), as root, and what the console must have said. */
function behaviour(of: Profile): Profile {
  const checks = behaviourRows.map(({ run, ...row }) => ({ ...row, run: `sudo sh -c '${run.replaceAll("'", "'\\''")}'` }));
  return {
    ...of,
    title: `${of.title}, with the services of the behaviour suite`,
    machine: { extraArguments: behaviourMachine },
    session: { login, checks, console: consoleRows.map(({ name, expect }) => ({ name, expect })), powerOff: 'sudo poweroff' },
  };
}

/** The programs that the suite's services run come with the Rust init, whichever init runs. */
function watched(init: Init, replaced: readonly string[]): Profile {
  const image = bareImage(rootPartition(init, [...replaced, 'probe'], behaviourServices));
  return behaviour({ ...whole(`Rust programs under ${init.name}`, init, replaced, [...rustComponents, 'init']), image });
}

export const profiles = {
  rust: whole('Rust programs under systemd', systemd, rust, rustComponents),
  vanilla,
  /** What upstream calls it. */
  'nixos-nix': vanilla,
  'rust-init': whole('Rust programs under a Rust init', rustInit, [...rust, 'init'], [...rustComponents, 'init']),
  sysvinit: whole('Rust programs under sysvinit', sysvinit, rust, rustComponents),
  small: small('a Rust init, static coreutils and little else, at most 40 MB', baseServices),
  extras: whole(
    `Rust programs under systemd, with ${extraNames.join(', ')} besides`,
    systemd,
    [...rust, ...extraNames],
    [...rustComponents, ...extraNames],
  ),
  'rust-uefi': uefi(),
  experimental: whole('as rust, with brush as the shell', systemd, [...rust, 'shell'], [...rustComponents, 'shell-launcher', 'brush']),
  'experimental-systemd': whole('as rust, under the systemd in Rust', systemd, [...rust, 'systemd'], [...rustComponents, 'rust-systemd']),
  'suite-systemd': watched(systemd, rust),
  'suite-sysvinit': watched(sysvinit, rust),
  'suite-init': watched(rustInit, [...rust, 'init']),
  'suite-small': behaviour(small('a Rust init, static coreutils and little else', behaviourServices, ['probe'])),
} satisfies Readonly<Record<string, Profile>>;
