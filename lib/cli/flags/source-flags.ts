// The flags that select sources.
import type { Flag } from '../command-line.ts';

export const sourceFlags = {
  sources: { type: 'string', value: 'upstream|bundled', help: 'which sources to build (default: upstream if fetched, else bundled)' },
  source: {
    type: 'string',
    value: 'NAME=DIR',
    multiple: true,
    help: 'use your own folder as the source of a component or recipe, or FILE.pkgar as that of a recipe of a binary package',
  },
} as const satisfies Record<string, Flag>;

export const checkoutFlags = {
  features: { type: 'string', multiple: true, value: 'F,..', help: 'more features of the kernel of a checkout (--source asterinas=DIR)' },
  release: { type: 'boolean', help: 'the release profile for the kernel of a checkout, in place of that of its OSDK.toml' },
  initramfs: { type: 'string', value: 'FILE', help: 'the initramfs for the kernel of a checkout, in place of that of its OSDK.toml' },
  'boot-method': {
    type: 'string',
    value: 'M',
    help: 'direct-elf, grub-rescue-iso or grub-qcow2, in place of that of OSDK.toml: chooses the profile',
  },
  'grub-boot-protocol': { type: 'string', value: 'P', help: 'multiboot, multiboot2 or linux (a bzImage), in place of that of OSDK.toml' },
  'display-grub-menu': { type: 'boolean', help: 'GRUB shows its menu for five seconds' },
  'kcmd-args': { type: 'string', multiple: true, value: 'WORDS', help: 'more words of the command line, for the kernel of a checkout' },
  'init-args': { type: 'string', multiple: true, value: 'WORDS', help: 'the same after "--", for its init' },
} as const satisfies Record<string, Flag>;
