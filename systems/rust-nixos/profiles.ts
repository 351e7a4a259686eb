// The profile of a variant of rust-nixos: its image, its kernel, and the checks in the guest after the boot.
import { extended } from '../../lib/core/extended.ts';
import type { Extending } from '../../lib/core/extended.ts';
import { MiB } from '../../lib/core/sizes.ts';
import { partitionTypes } from '../../lib/image/partition-types.ts';
import type { GuestSession } from '../../lib/console/rules.ts';
import type { ImageFacts, PartitionFacts } from '../../lib/system/image-facts.ts';
import type { SystemProfile } from '../../lib/system/system.ts';
import type { ComponentName, Made } from './components.ts';
import { common, login } from './files.ts';
import type { Init } from './init.ts';
import { kernelModules } from './machine.ts';
import { replacements } from './replacements.ts';
import { baseServices } from './services.ts';
import { suiteMachine, suiteSession } from './suites.ts';
import type { Variant } from './variant.ts';

const kernelFile = 'kernel:boot/vmlinuz-*';
const loaderFile = 'loader:usr/lib/systemd/boot/efi/systemd-bootx64.efi';
const timestampSec = 1_767_225_600; // 2026-01-01

type Profile = SystemProfile<ComponentName, Made>;

/** Returns the profiles of variants. Each variant has only the differences to the one that it extends. */
export function profilesOf<const Name extends string>(
  rows: Readonly<Record<Name, Extending<Variant, NoInfer<Name>>>>,
): Readonly<Record<Name, Profile>> {
  const variants: readonly (readonly [string, Variant])[] = Object.entries(extended<Variant, Name>(rows));
  return Object.fromEntries(variants.map(([name, variant]) => [name, profileOf(variant)])) as Record<Name, Profile>;
}

function profileOf(variant: Variant): Profile {
  const { title, init, components, disk, isSuite } = variant;
  const session = isSuite ? suiteSession : sessionOf(variant);
  const whole = {
    title,
    cargoProfile: 'system',
    components,
    image: imageOf(variant),
    session,
    ...(isSuite && { machine: suiteMachine }),
  };
  if (disk.start === 'uefi') return { ...whole, machine: { firmware: 'uefi' } };
  return { ...whole, kernel: { from: kernelFile, commandLine: kernelWords(init, '/dev/nvme0n1') } };
}

function kernelWords({ kernelWords: own }: Init, device: string): string {
  return `console=ttyS0 root=${device} rw panic=-1${own}`;
}

function imageOf(variant: Variant): ImageFacts<Made> {
  const { sizeBytes, start } = variant.disk;
  const root = rootOf(variant);
  if (start === 'direct') return { sizeBytes, table: 'none', timestampSec, partitions: [root] };
  const fstab = { 'etc/fstab': { text: '/dev/nvme0n1p2 / ext4 defaults 0 0\n' } };
  return {
    sizeBytes,
    timestampSec,
    partitions: [espOf(variant), { ...root, files: { ...root.files, ...fstab } }],
  };
}

function rootOf({ init, replace, services = baseServices, disk: { only } }: Variant): PartitionFacts<Made> {
  const modules = { from: 'kernel', names: only?.modules ?? kernelModules };
  const root = {
    base: init.base,
    replacements: replace,
    services: { init: init.name, set: services },
    modules,
  };
  return {
    name: 'root',
    typeGuid: partitionTypes.linuxRoot,
    fileSystem: { kind: 'ext4', label: 'nixos' },
    root: { ...root, ...(only && { keeps: only.files }) },
    files: { ...common, ...init.files, ...(only && { 'boot/vmlinuz': { packaged: kernelFile } }) },
  };
}

function espOf({ init }: Variant): PartitionFacts<Made> {
  const entry = `title rust-nixos\nlinux /vmlinuz\noptions ${kernelWords(init, '/dev/nvme0n1p2')}\n`;
  return {
    name: 'ESP',
    typeGuid: partitionTypes.esp,
    sizeBytes: 64 * MiB,
    fileSystem: { kind: 'fat', label: 'ESP' },
    files: {
      'EFI/BOOT/BOOTX64.EFI': { packaged: loaderFile },
      'loader/loader.conf': { text: 'timeout 0\ndefault rust-nixos.conf\n' },
      'loader/entries/rust-nixos.conf': { text: entry },
      vmlinuz: { packaged: kernelFile },
    },
  };
}

function sessionOf({ init, replace, checks: more = [] }: Variant): GuestSession {
  const checks = [
    { name: 'sudo makes root of a user', run: 'sudo id', expect: /^uid=0\(root\)/m },
    ...replace.flatMap((name) => replacements[name]?.checks ?? []),
    ...more,
    ...init.checks,
  ];
  return { login, checks, powerOff: 'sudo poweroff' };
}
