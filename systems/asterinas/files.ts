// What is in the images of Asterinas: the initramfs, and the files of GRUB.
import { MiB } from '../../lib/core/sizes.ts';
import type { FileFact, FileFacts } from '../../lib/system/image-facts.ts';

/** As upstream's tests start the kernel. */
export const commandLine = 'SHELL=/bin/sh LOGNAME=root HOME=/ USER=root PATH=/bin:/benchmark console=ttyS0 -- sh -l';

export const initramfs: FileFacts<'boot-hello/boot-hello'> = {
  init: { link: 'test/boot_hello' },
  'test/boot_hello': { made: 'boot-hello/boot-hello' },
  'etc/hostname': { text: 'asterinas\n' },
  'etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\n' },
  'etc/group': { text: 'root:x:0:\n' },
  dev: { folder: true },
  proc: { folder: true },
  sys: { folder: true },
  root: { folder: true, mode: 0o700 },
  tmp: { folder: true, mode: 0o1777 },
};

/** Modules of GRUB for finding the kernel on a CD or a disk and starting it by any protocol that the kernel has. */
const modules = [
  'iso9660',
  'fat',
  'ext2',
  'part_gpt',
  'search',
  'search_label',
  'normal',
  'configfile',
  'multiboot2',
  'linux',
  'serial',
  'terminal',
  'echo',
  'boot',
  'gzio',
  'acpi',
  'reboot',
  'halt',
  'test',
];

/**
 * Debian's GRUB 2.06 hands over to the setup program of a bzImage by this module alone. Its `linux` jumps to the entry of 32 bits; that of GRUB 2.12, which
 * has no such module, starts the PE program.
 */
const handoverModules = ['linuxefi'];

/** GRUB looks for the file system with its configuration by the label: firmware does not say which disk it was loaded from, and another one may have GRUB. */
export const grub = (label: string): FileFact<never> => ({
  grub: {
    modules,
    optionalModules: handoverModules,
    config: `search --label --set=root ${label}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`,
  },
});

export const hiddenMenu = 'set timeout_style=hidden\nset timeout=0';
export const shownMenu = 'set timeout_style=menu\nset timeout=5';

/** Paths are within /boot. */
export const grubConfig = (kernel: string, archive: string): string => `serial --unit=0 --speed=115200
terminal_output serial
${hiddenMenu}
set gfxpayload=text
menuentry 'asterinas' {
  multiboot2 /boot/${kernel} ${commandLine}
  module2 --nounzip /boot/${archive}
  boot
}
`;

/** As `grubConfig`, for a Linux. Paths are absolute. */
export const linuxConfig = (title: string, kernel: string, archive: string, words: string): string => `serial --unit=0 --speed=115200
terminal_output serial
${hiddenMenu}
set gfxpayload=text
menuentry '${title}' {
  linux ${kernel} ${words}
  initrd ${archive}
}
`;

/** As `grubConfig`, for a bzImage of Asterinas, which has no entry but those of EFI. */
export const efiConfig = (kernel: string, archive: string): string => `serial --unit=0 --speed=115200
terminal_output serial
${hiddenMenu}
set gfxpayload=text
if insmod linuxefi; then set by=efi; fi
menuentry 'asterinas' {
  linux$by /boot/${kernel} ${commandLine}
  initrd$by /boot/${archive}
  boot
}
`;

/** The file system that firmware starts a CD from. */
export const efiImage = (label: string): FileFact<never> => ({
  fat: { sizeBytes: 8 * MiB, label: 'EFI', files: { 'EFI/BOOT/BOOTX64.EFI': grub(label) } },
});
