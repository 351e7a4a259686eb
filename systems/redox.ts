// Redox: a microkernel operating system in Rust. This page describes its components, the layout of its disk,
// its machine and its serial console. Each profile's root file system is a file of redox/config. Layout and
// texts follow upstream. The bundled sources are small fixtures of the same form.
import { MiB } from '../lib/core/sizes.ts';
import { partitionTypes } from '../lib/image/partition-types.ts';
import { defineSystem } from '../lib/system/define-system.ts';
import { console } from './redox/console.ts';
import { files, origins, packages } from './redox/components.ts';
import { initfs } from './redox/files.ts';
import { machine } from './redox/machine.ts';

/** The build options of a program without an operating system below it. */
const freestanding = { buildStd: ['core', 'alloc', 'compiler_builtins'], buildStdFeatures: ['compiler-builtins-mem'] };

export const system = defineSystem({
  name: 'redox',
  title: 'Redox',

  components: {
    bootloader: {
      title: 'UEFI bootloader',
      bundled: '../fixtures/redox',
      upstream: origins.bootloader,
      cargo: { packages: ['bootloader'], bins: ['bootloader'], triple: 'x86_64-unknown-uefi', ...freestanding },
    },
    kernel: {
      title: 'microkernel',
      bundled: '../fixtures/redox',
      upstream: origins.kernel,
      cargo: { packages: ['kernel'], bins: ['kernel'], triple: 'x86_64-unknown-none', ...freestanding },
    },
    bootstrap: {
      title: 'first program of the initfs',
      bundled: '../fixtures/redox',
      upstream: origins.bootstrap,
      cargo: { packages: ['bootstrap'], bins: ['bootstrap'], triple: 'x86_64-unknown-none', ...freestanding },
    },
  },

  // The C library of user programs. The bundled sources need none.
  cLibrary: {
    name: 'relibc',
    title: 'C library',
    upstream: { git: 'https://gitlab.redox-os.org/redox-os/relibc.git', branch: 'master' },
    make: { arguments: [], programs: ['clang', 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy', 'cbindgen', 'cargo'] },
    triple: 'x86_64-unknown-redox',
    cargoConfig: 'redox/cargo.toml',
    supplement: 'redox/unwinder/recipe.toml',
    buildStd: ['std', 'panic_abort'],
  },

  profiles: {
    minimal: { title: 'a shell that init starts, and little else', cargoProfile: 'system', configuration: 'minimal.toml' },
    default: { title: 'a text console on the serial port', cargoProfile: 'system', configuration: 'default.toml' },
    graphical: { title: 'the desktop Orbital, with sound', cargoProfile: 'system', configuration: 'graphical.toml' },
    cloud: { title: 'as default, with a fixed address in a TAP network', cargoProfile: 'system', configuration: 'cloud.toml' },
  },
  configurations: {
    folder: 'redox/config',
    rootPartition: 'RedoxFS',
    bootPartition: 'EFI',
    architecture: 'x86_64',
    packages,
    upstreamFiles: files,
  },

  image: {
    sizeBytes: 512 * MiB,
    timestampSec: 1_767_225_600, // 2026-01-01
    partitions: [
      {
        name: 'EFI',
        typeGuid: partitionTypes.esp,
        sizeBytes: 200 * MiB,
        fileSystem: { kind: 'fat', label: 'EFI' },
        files: {
          'EFI/BOOT/BOOTX64.EFI': { made: 'bootloader/bootloader.efi' },
          'startup.nsh': { text: '\\EFI\\BOOT\\BOOTX64.EFI\r\n' },
        },
      },
      {
        name: 'RedoxFS',
        // The bootloader reads the file system and ignores the type. This is the type for Linux data, which
        // tools display well.
        typeGuid: partitionTypes.linuxData,
        fileSystem: { kind: 'redoxfs' },
        // The other files come from the configuration.
        files: {
          // Bootloaders before commit a8dc023 read boot/, and later ones usr/lib/boot.
          'boot/kernel': { made: 'kernel/kernel' },
          'boot/initfs': { initfs },
          'usr/lib/boot/kernel': { made: 'kernel/kernel' },
          'usr/lib/boot/initfs': { initfs },
        },
      },
    ],
  },

  live: { component: 'bootloader', features: ['live'] },

  machine,
  console,
  shell: { user: 'user' }, // it has no password, as in upstream
});
