// Asterinas: a kernel in Rust with Linux's ABI, written with the framework OSTD. This page describes its
// components, its images, how its machine is started, and its serial console. The bundled kernel is a small
// fixture that is started by the same protocols.
import { MiB } from '../lib/core/sizes.ts';
import { partitionTypes } from '../lib/image/partition-types.ts';
import type { Component } from '../lib/system/component.ts';
import { defineSystem } from '../lib/system/define-system.ts';
import { digestWord } from '../lib/system/image-facts.ts';
import type { FileFact, FileFacts, ImageFacts, PartitionFacts } from '../lib/system/image-facts.ts';
import { console } from './asterinas/console.ts';
import { commandLine, efiConfig, efiImage, grub, grubConfig, hiddenMenu, initramfs, shownMenu } from './asterinas/files.ts';
import { console as installerConsole, machine as installing, medium } from './asterinas/installer.ts';
import { nixBase } from './asterinas/nix-base.ts';
import { reference } from './asterinas/reference.ts';
import { cd, direct, efi, machine, microvm } from './asterinas/machine.ts';
import { programs, session } from './asterinas/programs.ts';
import { schemes } from './asterinas/schemes.ts';
import { coreutils, coreutilsSession, debian, userland } from './asterinas/userland.ts';
import { rustComponents } from './rust-nixos/components.ts';
import { rustReplacements } from './rust-nixos/replacements.ts';

const kernelName = 'asterinas-osdk-bin';
const setupName = 'linux-bzimage-setup';
/** The outputs that files of the images name. */
type Made = `kernel/${typeof kernelName}` | `setup/${typeof setupName}` | 'boot-hello/boot-hello' | 'coreutils-static/coreutils';
const buildStd = { buildStd: ['core', 'alloc', 'compiler_builtins'], buildStdFeatures: ['compiler-builtins-mem'] };
const timestampSec = 1_767_225_600; // 2026-01-01

const kernel = (title: string, features: readonly string[]): Component<typeof kernelName> => ({
  title,
  bundled: '../fixtures/asterinas',
  cargo: {
    packages: ['asterinas-kernel'],
    bins: [kernelName],
    features,
    triple: 'x86_64-unknown-none',
    configs: ['asterinas/kernel.toml'],
    ...buildStd,
  },
});

/** An image that consists only of the initramfs. */
const archive: ImageFacts<Made> = {
  sizeBytes: 0,
  table: 'none',
  timestampSec,
  partitions: [{ name: 'initramfs', typeGuid: '', fileSystem: { kind: 'cpio', gzip: true }, files: initramfs }],
};

/** A CD with a kernel and the configuration that starts it. */
const cdWith = (kernelFile: FileFact<Made>, config: string): ImageFacts<Made> => ({
  sizeBytes: 0,
  table: 'none',
  timestampSec,
  partitions: [
    {
      name: 'iso',
      typeGuid: '',
      fileSystem: { kind: 'iso', label: 'ASTERINAS', efiImage: 'boot/efi.img' },
      files: {
        'boot/efi.img': efiImage('ASTERINAS'),
        'boot/grub/grub.cfg': { text: config },
        [`boot/${kernelName}`]: kernelFile,
        'boot/initramfs.cpio.gz': { initramfs: { gzip: true, files: initramfs } },
      },
    },
  ],
});

const iso = cdWith({ made: `kernel/${kernelName}` }, grubConfig(kernelName, 'initramfs.cpio.gz'));
const efiIso = cdWith({ bzImage: `setup/${setupName}` }, efiConfig(kernelName, 'initramfs.cpio.gz'));

/** The files in the two partitions of a disk. Firmware starts GRUB from the first. */
const bootFiles: FileFacts<never> = { 'EFI/BOOT/BOOTX64.EFI': grub('nixos') };
const kernelFiles: FileFacts<Made> = {
  'boot/grub/grub.cfg': { text: grubConfig(`kernels/${digestWord}-${kernelName}`, `kernels/${digestWord}-initramfs.cpio.gz`) },
  [`boot/kernels/${digestWord}-${kernelName}`]: { made: `kernel/${kernelName}` },
  [`boot/kernels/${digestWord}-initramfs.cpio.gz`]: { initramfs: { gzip: true, files: initramfs } },
};
const rootFiles: FileFacts<Made> = { ...kernelFiles, ...initramfs };

const disk = (sizeBytes: number, root: Pick<PartitionFacts<Made>, 'files' | 'root'>): ImageFacts<Made> => ({
  sizeBytes,
  timestampSec,
  partitions: [
    {
      name: 'boot',
      typeGuid: partitionTypes.esp,
      sizeBytes: 48 * MiB,
      fileSystem: { kind: 'fat', label: 'boot' },
      files: bootFiles,
    },
    {
      name: 'nixos',
      typeGuid: partitionTypes.linuxData,
      fileSystem: { kind: 'ext4', label: 'nixos', ext2: true },
      ...root,
    },
  ],
});

/** The kernel command line with which a Linux starts such a disk without GRUB. */
const diskWords = (init: string): string => `root=LABEL=nixos rw init=${init}`;

/** The program that turns a kernel into a bzImage. It contains the kernel. */
const setup: Component<typeof setupName> = {
  title: 'what UEFI firmware starts of a bzImage',
  bundled: '../fixtures/asterinas/miniature/ostd/libs/linux-bzimage/setup',
  cargo: { packages: [setupName], bins: [setupName], triple: 'x86_64-unknown-none', ...buildStd },
  payload: { made: `kernel/${kernelName}`, encoding: 'gzip', variable: 'PAYLOAD_FILE' },
};

/** A bundled program for Linux, without shared libraries. */
const program = <Name extends string>(title: string, name: Name): Component<Name> => ({
  title,
  bundled: '../fixtures/asterinas',
  cargo: { packages: [name], bins: [name], triple: 'x86_64-unknown-linux-gnu', configs: ['linux/static.toml'] },
});

export const system = defineSystem({
  name: 'asterinas',
  title: 'Asterinas',
  components: {
    kernel: kernel('the kernel, started by Multiboot', []),
    'kernel-pvh': kernel('the kernel, started by PVH', ['pvh_boot']),
    setup,
    'boot-hello': program("the boot test's program", 'boot-hello'),
    installer: program('the program that puts the system on an empty disk', 'installer'),
    ...userland.components,
  },
  sources: userland.sources,
  sourceOwner: userland.owner,
  replacements: rustReplacements,
  profiles: {
    direct: {
      title: 'started by QEMU with Multiboot',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: archive,
      kernel: { made: `kernel/${kernelName}`, protocol: 'multiboot', commandLine },
      machine: direct,
    },
    pvh: {
      title: 'started by QEMU with PVH, on a micro virtual machine',
      cargoProfile: 'system',
      components: ['kernel-pvh', 'boot-hello'],
      image: archive,
      kernel: { made: `kernel-pvh/${kernelName}`, protocol: 'pvh', commandLine },
      machine: microvm,
    },
    efi: {
      title: 'a bzImage that UEFI firmware starts',
      cargoProfile: 'system',
      components: ['kernel', 'setup', 'boot-hello'],
      image: archive,
      kernel: { made: `setup/${setupName}`, protocol: 'linux', commandLine },
      machine: efi,
    },
    'efi-iso': {
      title: 'a CD that UEFI firmware starts, with GRUB and a bzImage',
      cargoProfile: 'system',
      components: ['kernel', 'setup', 'boot-hello'],
      image: efiIso,
      machine: cd,
    },
    iso: {
      title: 'a CD that UEFI firmware starts, with GRUB',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: iso,
      machine: cd,
    },
    disk: {
      title: 'a disk in the layout of AsterNixOS that UEFI firmware starts, with GRUB',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: disk(128 * MiB, { files: rootFiles }),
      referenceWords: `${diskWords('/init')} ${commandLine}`,
    },
    debian: {
      title: 'as disk, with the Debian root of rust-nixos and its programs in Rust',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello', ...rustComponents],
      image: disk(512 * MiB, { root: debian.root, files: { ...debian.files, ...kernelFiles } }),
      referenceWords: `${diskWords('/sbin/init')} console=ttyS0`,
      referenceSession: debian.session,
    },
    programs: {
      title: 'as direct, with busybox for kernels that run programs',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: { ...archive, partitions: archive.partitions.map((one) => ({ ...one, files: { ...initramfs, ...programs } })) },
      kernel: { made: `kernel/${kernelName}`, protocol: 'multiboot', commandLine },
      machine: direct,
      referenceSession: session,
    },
    uutils: {
      title: 'as programs, with the coreutils in Rust',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello', 'coreutils-static'],
      image: { ...archive, partitions: archive.partitions.map((one) => ({ ...one, files: { ...initramfs, ...programs, ...coreutils } })) },
      kernel: { made: `kernel/${kernelName}`, protocol: 'multiboot', commandLine },
      machine: direct,
      referenceSession: coreutilsSession,
    },
    nixos: {
      title: 'a NixOS that Nix builds, with the kernel in the place of Linux',
      cargoProfile: 'system',
      base: 'nix',
      components: ['kernel'],
      machine: { firmware: 'bios', imageInterface: 'virtio' },
    },
    installer: {
      title: 'a CD that installs the disk, with Linux',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello', 'installer'],
      image: medium(bootFiles, rootFiles, timestampSec),
      machine: installing,
      console: installerConsole,
    },
  },
  defaultProfile: 'direct',
  checkout: {
    source: 'asterinas',
    program: kernelName,
    commandLine,
    components: { kernel: [], 'kernel-pvh': ['pvh_boot'] },
    setup: {
      component: 'setup',
      folder: 'ostd/libs/linux-bzimage/setup',
      cargo: { packages: [setupName], bins: [setupName], triple: 'x86_64-unknown-none', configs: ['asterinas/setup.toml'], ...buildStd },
    },
    methods: [
      { method: 'direct-elf', feature: 'pvh_boot', profile: 'pvh' },
      { method: 'direct-elf', protocol: 'linux', profile: 'efi' },
      { method: 'direct-elf', profile: 'direct' },
      { method: 'grub-rescue-iso', protocol: 'linux', profile: 'efi-iso' },
      { method: 'grub-rescue-iso', profile: 'iso' },
      // The same CD: QEMU starts it without a conversion.
      { method: 'grub-qcow2', protocol: 'linux', profile: 'efi-iso' },
      { method: 'grub-qcow2', profile: 'iso' },
    ],
    grubMenu: { hidden: hiddenMenu, shown: shownMenu },
  },
  reference,
  nixBase,
  machine,
  schemes,
  console,
});
