// The flags for a kernel that is built from a checkout with an OSDK.toml, in the names of `cargo osdk`.
import type { KernelWishes } from '../system/kernel-checkout.ts';
import type { Flag } from './command-line.ts';
import type { Task } from './task.ts';

export const checkoutFlags = {
  features: { type: 'string', multiple: true, value: 'F,..', help: 'more features of the kernel of a checkout (--source asterinas=DIR)' },
  release: { type: 'boolean', help: 'the release profile for the kernel of a checkout, in place of that of its OSDK.toml' },
  initramfs: { type: 'string', value: 'FILE', help: 'the initramfs for the kernel of a checkout, in place of that of its OSDK.toml' },
  'kcmd-args': { type: 'string', multiple: true, value: 'WORDS', help: 'more words of the command line, for the kernel of a checkout' },
  'init-args': { type: 'string', multiple: true, value: 'WORDS', help: 'the same behind "--", for its init' },
} as const satisfies Record<string, Flag>;

/** What the command line says of the kernel of a checkout. */
export function kernelWishes({ args, path }: Pick<Task, 'args' | 'path'>): KernelWishes {
  const initramfs = args.text('initramfs');
  const words = (flag: string): readonly string[] => args.list(flag).flatMap((text) => text.split(/[\s,]+/).filter(Boolean));
  const lines = (flag: string): readonly string[] => args.list(flag).flatMap((text) => text.split(/\s+/).filter(Boolean));
  return {
    scheme: args.text('scheme'),
    features: words('features'),
    release: args.has('release'),
    initramfs: initramfs === undefined ? undefined : path(initramfs),
    kernelArguments: lines('kcmd-args'),
    initArguments: lines('init-args'),
  };
}
