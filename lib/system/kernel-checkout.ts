// A system whose kernel is built from a checkout that has an OSDK.toml: its components are then the program that is generated around that kernel, and
// the machine starts it with the arguments of the file.
import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cannot, cannotBecause } from '../core/errors.ts';
import { baseCrateName, kernelPackage, kernelTriple, writeBaseCrate } from '../osdk/base-crate.ts';
import { readOsdkManifest } from '../osdk/manifest.ts';
import type { OsdkSettings } from '../osdk/manifest.ts';
import type { Component, SourceChoice } from './component.ts';
import { withInitramfs } from './image-facts.ts';
import type { System, SystemProfile } from './system.ts';

interface Checkout {
  readonly system: System;
  readonly sources: SourceChoice;
}

/** What the user says of the kernel, besides its OSDK.toml; lists are added to those of the file. */
export interface KernelWishes {
  readonly scheme?: string | undefined;
  readonly features?: readonly string[];
  readonly kernelArguments?: readonly string[];
  readonly initArguments?: readonly string[];
  /** In place of that of the file; absolute. */
  readonly initramfs?: string | undefined;
  readonly release?: boolean;
}

/**
 * Returns the system with the kernel of the checkout that --source names; as it is if none is named. `test`: the kernel runs its tests. Wishes without a
 * checkout are a Failure.
 */
export async function withKernelCheckout({ system, sources }: Checkout, wishes: KernelWishes, test = false): Promise<Checkout> {
  const { scheme } = wishes;
  const { checkout } = system;
  const { [checkout?.source ?? '']: folder, ...local } = sources.local;
  if (!checkout || folder === undefined) {
    const hint = checkout ? `name a checkout: --source ${checkout.source}=DIR` : undefined;
    if (scheme !== undefined) throw cannot(`use the scheme "${scheme}"`, 'schemes are those of an OSDK.toml', { blame: 'usage', hint });
    if (hasWishes(wishes)) throw cannot(`change the kernel of ${system.name}`, 'it is not that of a checkout', { blame: 'usage', hint });
    return { system, sources };
  }
  const settings = wished((await readOsdkManifest(join(folder, 'OSDK.toml'))).settings(test ? 'test' : 'build', scheme), wishes);
  if (settings.initramfs !== undefined) await checkReadable(settings.initramfs);
  const kernel = await kernelPackage(folder);
  const base = await writeBaseCrate(kernel, checkout.program, test);
  const build = {
    packages: [baseCrateName(kernel)],
    bins: [checkout.program],
    triple: kernelTriple,
    buildStd: ['core', 'alloc', 'compiler_builtins'],
    buildStdFeatures: ['compiler-builtins-mem'],
    // Who built it is in no kernel of ours, so that everybody's is the same.
    env: { OSDK_BUILD_USERNAME: 'bloomery', OSDK_BUILD_HOSTNAME: 'bloomery' },
  };
  const components = Object.entries(checkout.components).map(([name, features]): [string, Component] => [
    name,
    { title: system.components[name]?.title ?? name, cargo: { ...build, features: [...settings.features, ...features] } },
  ]);
  const profiles = Object.entries(system.profiles).map(([name, profile]) => [name, withSettings(profile, settings)] as const);
  return {
    system: {
      ...system,
      components: { ...system.components, ...Object.fromEntries(components) },
      profiles: Object.fromEntries(profiles),
    },
    sources: { ...sources, local: { ...local, ...Object.fromEntries(components.map(([name]) => [name, base])) } },
  };
}

/**
 * The user's folder that the sandbox shows to the kernel of a checkout as its common one: the repository that it is in, or the checkout. `folder` may be
 * that of the program that is generated below it.
 */
export function ownFolder(folder: string): string {
  const checkout = checkoutOf(folder);
  for (let at = checkout; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (at === dirname(at)) return checkout;
  }
}

/** The folder of a checkout, which may be given by that of the program that is generated below it. */
export function checkoutOf(folder: string): string {
  return folder.replace(/\/target\/osdk\/[^/]*$/, '');
}

function hasWishes({ features = [], kernelArguments = [], initArguments = [], initramfs, release = false }: KernelWishes): boolean {
  return release || initramfs !== undefined || [features, kernelArguments, initArguments].some((list) => list.length > 0);
}

function wished(settings: OsdkSettings, wishes: KernelWishes): OsdkSettings {
  const { features = [], kernelArguments = [], initArguments = [], initramfs = settings.initramfs, release } = wishes;
  return {
    ...settings,
    features: [...settings.features, ...features],
    kernelArguments: [...settings.kernelArguments, ...kernelArguments],
    initArguments: [...settings.initArguments, ...initArguments],
    initramfs,
    ...(release && { profile: 'release' }),
  };
}

async function checkReadable(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw cannotBecause(`use the initramfs "${path}"`, error, 'boot.initramfs of OSDK.toml or --initramfs names it');
  });
}

function withSettings(profile: SystemProfile, settings: OsdkSettings): SystemProfile {
  const { profile: cargoProfile, kernelArguments, initArguments, initramfs } = settings;
  const words = [...kernelArguments, ...(initArguments.length > 0 ? ['--', ...initArguments] : [])].join(' ');
  const { kernel, image } = profile;
  const own = image && initramfs !== undefined ? { image: withInitramfs(image, initramfs) } : {};
  return { ...profile, ...own, cargoProfile, ...(kernel && words !== '' && { kernel: { ...kernel, commandLine: words } }) };
}
