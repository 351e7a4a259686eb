// The flags for a kernel that is built from a checkout with an OSDK.toml, with the names of `cargo osdk`.
import { cannot, nearest } from '../../core/errors.ts';
import { bootMethods, grubProtocols, olderMethods } from '../../osdk/manifest.ts';
import type { BootMethod } from '../../osdk/manifest.ts';
import type { KernelWishes } from '../../system/kernel-checkout.ts';
import type { Task } from '../task.ts';

function bootMethodOf(text: string | undefined): BootMethod | undefined {
  const older = text !== undefined && Object.hasOwn(olderMethods, text) ? olderMethods[text] : undefined;
  return older ?? choiceOf('boot-method', text, bootMethods);
}

function choiceOf<T extends string>(flag: string, text: string | undefined, values: readonly T[]): T | undefined {
  const value = values.find((one) => one === text);
  if (value !== undefined || text === undefined) return value;
  const near = nearest(text, values);
  throw cannot(`use --${flag} "${text}"`, `it must be one of ${values.join(', ')}`, {
    blame: 'usage',
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

/** Returns the settings of the command line for the kernel of a checkout. */
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
    bootMethod: bootMethodOf(args.text('boot-method')),
    grubProtocol: choiceOf('grub-boot-protocol', args.text('grub-boot-protocol'), grubProtocols),
    grubMenu: args.has('display-grub-menu'),
  };
}
