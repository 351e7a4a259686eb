// The files in the images of Asterinas: the initramfs, and the files of GRUB.
import { MiB } from '../../lib/core/sizes.ts';
import type { FileFact, FileFacts } from '../../lib/system/image-facts.ts';

/** The command line of upstream's tests. */
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

/**
 * Modules of GRUB that find the kernel on a CD or a disk and start it by any protocol that the kernel
 * supports.
 */
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
 * Only with this module, Debian's GRUB 2.06 starts the EFI entry point of a bzImage's setup program. Its
 * `linux` jumps to the 32-bit entry point. GRUB 2.12, which has no such module, starts the PE program.
 */
const handoverModules = ['linuxefi'];

/**
 * GRUB finds the file system with its configuration by the label, because GRUB does not know from
 * which disk it was loaded, and another disk may have GRUB too.
 */
export const grub = (label: string): FileFact<never> => ({
  grub: {
    modules,
    optionalModules: handoverModules,
    config: `search --label --set=root ${label}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`,
  },
});

export const hiddenMenu = 'set timeout_style=hidden\nset timeout=0';
export const shownMenu = 'set timeout_style=menu\nset timeout=5';

/** Paths are relative to /boot. */
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

/** As `grubConfig`, for a bzImage of Asterinas, which has only EFI entry points. */
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

/** The file system from which firmware starts a CD. */
export const efiImage = (label: string): FileFact<never> => ({
  fat: { sizeBytes: 8 * MiB, label: 'EFI', files: { 'EFI/BOOT/BOOTX64.EFI': grub(label) } },
});
