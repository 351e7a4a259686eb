// The medium that installs a disk: a CD with Linux, whose initramfs contains the installer and the files to
// install. The installed disk starts Asterinas.
import type { ConsoleRules, LineRule } from '../../lib/console/rules.ts';
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineDescription } from '../../lib/machine/machine.ts';
import type { FileFacts, ImageFacts } from '../../lib/system/image-facts.ts';
import { console as linux } from '../linux/console.ts';
import { efiImage, linuxConfig } from './files.ts';
import { cd } from './machine.ts';

/** Drivers that are not built into Debian's kernel: of disks, FAT and its character sets. */
const modules = ['virtio_blk', 'ahci', 'sd_mod', 'vfat', 'nls_ascii', 'nls_cp437'];

const installed: LineRule = {
  pattern: /^Congratulations! .* has been installed successfully!/,
  source: 'asterinas, its installer',
  example: 'Congratulations! Asterinas NixOS has been installed successfully!',
};

export const console: ConsoleRules = {
  ...linux,
  prompts: [installed],
  panics: [
    {
      kind: 'other',
      fatal: 'always',
      pattern: /^Cannot install: /,
      source: 'fixtures/asterinas/installer',
      example: 'Cannot install: /dev/vda is not empty: installer.force overwrites what is on it',
    },
    ...linux.panics,
  ],
};

const label = 'ASTERINAS_INSTALL';

/** The empty disk is removed with the machine unless --disk names a file. */
export const machine: Partial<MachineDescription> = { ...cd, targetDisk: { sizeBytes: 2 * GiB } };

/** Returns the medium for a disk with these files in its two partitions. */
export function medium<Made extends string>(
  boot: FileFacts<Made>,
  root: FileFacts<Made>,
  timestampSec: number,
): ImageFacts<Made | 'installer/installer'> {
  const initramfs: FileFacts<Made | 'installer/installer'> = {
    init: { made: 'installer/installer' },
    'bin/busybox': { packaged: 'busybox:{usr/,}bin/busybox', mode: 0o755 },
    ...below('payload/boot', boot),
    ...below('payload/root', root),
    lib: { link: 'usr/lib' },
    dev: { folder: true },
    proc: { folder: true },
    sys: { folder: true },
  };
  return {
    sizeBytes: 0,
    table: 'none',
    timestampSec,
    partitions: [
      {
        name: 'installer',
        typeGuid: '',
        fileSystem: { kind: 'iso', label, efiImage: 'boot/efi.img' },
        files: {
          'boot/efi.img': efiImage(label),
          'boot/grub/grub.cfg': {
            text: linuxConfig('asterinas installer', '/boot/vmlinuz', '/boot/initramfs.cpio.gz', 'console=ttyS0 panic=-1 quiet loglevel=4'),
          },
          'boot/vmlinuz': { packaged: 'kernel:boot/vmlinuz-*' },
          'boot/initramfs.cpio.gz': { initramfs: { gzip: true, files: initramfs, modules: { from: 'kernel', names: modules } } },
        },
      },
    ],
  };
}

function below<Made extends string>(folder: string, files: FileFacts<Made>): FileFacts<Made> {
  return Object.fromEntries(Object.entries(files).map(([path, fact]) => [`${folder}/${path}`, fact]));
}
