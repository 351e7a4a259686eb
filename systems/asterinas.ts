// Asterinas: a kernel in Rust with Linux's ABI, written with the framework OSTD. This page is its facts: what it is made of, its images, how its machine is
// started, what it says on the serial console. The bundled kernel is a small fixture of our own that is started by the same protocols.
import type { Component } from '../lib/system/component.ts';
import type { ImageFacts } from '../lib/system/image-facts.ts';
import type { System } from '../lib/system/system.ts';
import { console } from './asterinas/console.ts';
import { commandLine, efiImage, grubConfig, initramfs } from './asterinas/files.ts';
import { reference } from './asterinas/reference.ts';
import { cd, direct, machine, microvm } from './asterinas/machine.ts';

const kernelName = 'asterinas-osdk-bin';
const timestampSec = 1_767_225_600; // 2026-01-01

const kernel = (title: string, features: readonly string[]): Component => ({
  title,
  bundled: 'fixtures/asterinas',
  cargo: {
    packages: ['asterinas-kernel'],
    bins: [kernelName],
    features,
    triple: 'x86_64-unknown-none',
    buildStd: ['core', 'alloc', 'compiler_builtins'],
    buildStdFeatures: ['compiler-builtins-mem'],
  },
});

/** An image that is nothing but the initramfs. */
const archive: ImageFacts = {
  sizeBytes: 0,
  table: 'none',
  timestampSec,
  partitions: [{ name: 'initramfs', typeGuid: '', fileSystem: { kind: 'cpio', gzip: true }, files: initramfs }],
};

const iso: ImageFacts = {
  sizeBytes: 0,
  table: 'none',
  timestampSec,
  partitions: [
    {
      name: 'iso',
      typeGuid: '',
      fileSystem: { kind: 'iso', label: 'ASTERINAS', efiImage: 'boot/efi.img' },
      files: {
        'boot/efi.img': efiImage,
        'boot/grub/grub.cfg': { text: grubConfig(kernelName) },
        [`boot/${kernelName}`]: { made: `kernel/${kernelName}` },
        'boot/initramfs.cpio.gz': { initramfs: { gzip: true, files: initramfs } },
      },
    },
  ],
};

export const system: System = {
  name: 'asterinas',
  title: 'Asterinas',
  components: {
    kernel: kernel('the kernel, started by Multiboot', []),
    'kernel-pvh': kernel('the kernel, started by PVH', ['pvh_boot']),
    'boot-hello': {
      title: "the boot test's program",
      bundled: 'fixtures/asterinas',
      cargo: {
        packages: ['boot-hello'],
        bins: ['boot-hello'],
        triple: 'x86_64-unknown-linux-gnu',
        configs: ['systems/asterinas/static.toml'],
      },
    },
  },
  profiles: {
    direct: {
      title: 'started by QEMU with Multiboot',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: archive,
      kernel: { made: `kernel/${kernelName}`, multiboot: true, commandLine },
      machine: direct,
    },
    pvh: {
      title: 'started by QEMU with PVH, on a micro virtual machine',
      cargoProfile: 'system',
      components: ['kernel-pvh', 'boot-hello'],
      image: archive,
      kernel: { made: `kernel-pvh/${kernelName}`, commandLine },
      machine: microvm,
    },
    iso: {
      title: 'a CD that UEFI firmware starts, with GRUB',
      cargoProfile: 'system',
      components: ['kernel', 'boot-hello'],
      image: iso,
      machine: cd,
    },
  },
  defaultProfile: 'direct',
  reference,
  machine,
  console,
};
