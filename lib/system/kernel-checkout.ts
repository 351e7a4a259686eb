// A system whose kernel is built from a checkout with an OSDK.toml. Its component is the generated program
// around that kernel, and the machine is started with the arguments of the file.
import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, cannotBecause } from '../core/errors.ts';
import { baseCrateName, kernelPackage, kernelTriple, writeBaseCrate } from '../osdk/base-crate.ts';
import type { TestChoice } from '../osdk/base-crate.ts';
import { readOsdkManifest } from '../osdk/manifest.ts';
import type { OsdkSettings, BootMethod, GrubProtocol } from '../osdk/manifest.ts';
import type { Component, SourceChoice } from './component.ts';
import { withInitramfs, withWords } from './image-rows.ts';
import type { BootRow, CheckoutFacts, KernelFacts, System, SystemProfile } from './system.ts';

interface Checkout {
  readonly system: System;
  readonly sources: SourceChoice;
}

/** The cc crate's variable with C flags for crates that are compiled for the target. */
const cFlags = `CFLAGS_${kernelTriple}`;

/**
 * Returns the system with the kernel of the checkout that --source names, or unchanged if none is named.
 * `test`: the kernel runs these tests. Wishes without a checkout are a Failure. The default profile is then
 * the one for the boot method of the file.
 */
export async function withKernelCheckout({ system, sources }: Checkout, wishes: KernelWishes, test?: TestChoice): Promise<Checkout> {
  const { scheme } = wishes;
  const { checkout } = system;
  const folder = checkout && sources.local[checkout.source];
  if (!checkout || folder === undefined) {
    const hint = checkout ? `name a checkout: --source ${checkout.source}=DIR` : undefined;
    if (scheme !== undefined) throw cannot(`use the scheme "${scheme}"`, 'schemes are those of an OSDK.toml', { blame: 'usage', hint });
    if (hasWishes(wishes)) throw cannot(`change the kernel of ${system.name}`, 'it is not that of a checkout', { blame: 'usage', hint });
    return { system, sources };
  }
  const others = Object.entries(sources.local).filter(([name]) => name !== checkout.source);
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
    rustcVariable: 'OSDK_BUILD_RUSTC',
    // Fixed names, so that the kernel does not depend on the user or host that built it.
    env: { OSDK_BUILD_USERNAME: 'bloomery', OSDK_BUILD_HOSTNAME: 'bloomery', [cFlags]: '-fPIC' },
  };
  const defaults = settings.defaultFeatures ? {} : { defaultFeatures: false as const };
  const components = Object.entries(checkout.components).map(([name, features]): [string, Component] => [
    name,
    { title: system.components[name]?.title ?? name, cargo: { ...build, ...defaults, features: [...settings.features, ...features] } },
  ]);
  const setup = setupOf(system, checkout, settings, folder);
  const profiles = Object.entries(system.profiles).map(([name, profile]) => [name, withSettings(profile, settings, checkout)] as const);
  const ofSetup = setup.folder === undefined ? {} : { [checkout.setup.component]: setup.folder };
  const folders = { ...Object.fromEntries(components.map(([name]) => [name, base])), ...ofSetup };
  return {
    system: {
      ...system,
      components: { ...system.components, ...Object.fromEntries(components), [checkout.setup.component]: setup.component },
      profiles: Object.fromEntries(profiles),
      defaultProfile: bootProfile(checkout, settings),
    },
    sources: { ...sources, local: { ...Object.fromEntries(others), ...folders } },
  };
}

/**
 * Returns the setup program of a bzImage, from the checkout or from the page, with the kernel compressed as
 * the file requires.
 */
function setupOf(
  { components }: System,
  { setup }: CheckoutFacts,
  { encoding }: OsdkSettings,
  checkout: string,
): { readonly component: Component; readonly folder: string | undefined } {
  const component = components[setup.component];
  if (!component?.payload) throw new Error(`the page has no component "${setup.component}" with a payload`);
  const payload = { ...component.payload, encoding };
  const folder = join(checkout, setup.folder);
  if (!existsSync(join(folder, 'Cargo.toml'))) return { component: { ...component, payload }, folder: undefined };
  // As `cargo install` compiles it.
  return { component: { ...component, payload, cargo: setup.cargo, cargoProfile: 'release' }, folder };
}

/** Returns the profile for the boot method. A bzImage that is to be started without EFI is a Failure. */
function bootProfile({ methods }: CheckoutFacts, { bootMethod, grubProtocol, features, linuxLegacyBoot }: OsdkSettings): string {
  const fits = ({ method, protocol, feature }: BootRow): boolean =>
    method === bootMethod && (protocol === undefined || protocol === grubProtocol) && (feature === undefined || features.includes(feature));
  const row = methods.find(fits);
  if (!row) throw new Error(`the page has no profile for the boot method ${bootMethod}`);
  if (row.protocol === 'linux' && linuxLegacyBoot) {
    throw cannot('build a bzImage', 'linux_x86_legacy_boot needs the 32-bit entry point, and bzImages have only that of EFI here', {
      blame: 'usage',
      hint: '--grub-boot-protocol multiboot2 needs no EFI, or leave linux_x86_legacy_boot out',
    });
  }
  return row.profile;
}

function hasWishes(wishes: KernelWishes): boolean {
  const {
    features = [],
    kernelArguments = [],
    initArguments = [],
    initramfs,
    release = false,
    grubMenu = false,
    bootMethod,
    grubProtocol,
  } = wishes;
  const ways = [initramfs, bootMethod, grubProtocol];
  return (
    release ||
    grubMenu ||
    ways.some((way) => way !== undefined) ||
    [features, kernelArguments, initArguments].some((list) => list.length > 0)
  );
}

function wished(settings: OsdkSettings, wishes: KernelWishes): OsdkSettings {
  const { features = [], kernelArguments = [], initArguments = [], initramfs = settings.initramfs, release } = wishes;
  const { bootMethod = settings.bootMethod, grubProtocol = settings.grubProtocol, grubMenu = false } = wishes;
  return {
    ...settings,
    features: [...settings.features, ...features],
    kernelArguments: withKernelArguments(settings.kernelArguments, kernelArguments),
    initArguments: [...settings.initArguments, ...initArguments],
    initramfs,
    bootMethod,
    grubProtocol,
    grubMenu: grubMenu || settings.grubMenu,
    ...(release && { profile: 'release' }),
  };
}

/**
 * Adds arguments to a kernel command line. An argument KEY=VALUE replaces another value of that key, unless
 * the key occurs several times.
 */
function withKernelArguments(own: readonly string[], more: readonly string[]): readonly string[] {
  const keyOf = (word: string): string => word.replace(/=.*$/s, '');
  const all = [...own];
  for (const word of more) {
    const key = keyOf(word);
    const at = all.flatMap((one, index) => (keyOf(one) === key ? [index] : []));
    const [only] = at;
    if (word.includes('=') && at.length === 1 && only !== undefined) all[only] = word;
    else if (!all.includes(word)) all.push(word);
  }
  return all;
}

async function checkReadable(path: string): Promise<void> {
  await access(path, constants.R_OK).catch((error: unknown) => {
    throw cannotBecause(`use the initramfs "${path}"`, error, 'boot.initramfs of OSDK.toml or --initramfs names it');
  });
}

function withSettings(profile: SystemProfile, settings: OsdkSettings, { commandLine: pageWords, grubMenu }: CheckoutFacts): SystemProfile {
  const { profile: cargoProfile, kernelArguments, initArguments, initramfs } = settings;
  const words = [...kernelArguments, ...(initArguments.length > 0 ? ['--', ...initArguments] : [])];
  const { kernel } = profile;
  const shown = profile.image && settings.grubMenu ? withWords(profile.image, grubMenu.hidden, grubMenu.shown) : profile.image;
  const started = shown && words.length > 0 ? withWords(shown, pageWords, words.map(grubWord).join(' ')) : shown;
  const image = started && initramfs !== undefined ? withInitramfs(started, initramfs) : started;
  const own = kernel && withKernelSettings(kernel, words, settings);
  return { ...profile, ...(image && { image }), cargoProfile, ...(own && { kernel: own }) };
}

function withKernelSettings(kernel: KernelFacts, words: readonly string[], { stripElf }: OsdkSettings): KernelFacts {
  const started = words.length > 0 ? { ...kernel, commandLine: words.join(' ') } : kernel;
  return stripElf && 'made' in started && started.protocol !== 'linux' ? { ...started, stripped: true } : started;
}

/** Returns a word in the form of GRUB's configuration. */
function grubWord(word: string): string {
  return /^[\w.,:=/+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The user's settings for the kernel in addition to its OSDK.toml. Lists are added to those of the file. */
export interface KernelWishes {
  readonly scheme?: string | undefined;
  readonly features?: readonly string[];
  readonly kernelArguments?: readonly string[];
  readonly initArguments?: readonly string[];
  /** Absolute path. It replaces that of the file. */
  readonly initramfs?: string | undefined;
  readonly release?: boolean;
  readonly bootMethod?: BootMethod | undefined;
  readonly grubProtocol?: GrubProtocol | undefined;
  readonly grubMenu?: boolean;
}
