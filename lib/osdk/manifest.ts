// OSDK.toml, which describes how a kernel that is written with OSTD is built, booted and run (source:
// Asterinas' book, "The OSDK manifest", of 2026). A value of the chosen scheme overrides one of the action,
// and that overrides one of the file's top. Lists of features and of arguments are joined: first those of the
// top, then the scheme's, then the action's.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cannot, nearest } from '../core/errors.ts';
import { readTomlFields } from '../core/fields.ts';
import type { Fields } from '../core/fields.ts';

export type OsdkAction = 'build' | 'run' | 'test';

/** The settings of an action with a scheme. */
export interface OsdkSettings {
  readonly features: readonly string[];
  readonly defaultFeatures: boolean;
  /** The profile of cargo. */
  readonly profile: string;
  readonly stripElf: boolean;
  /** A bzImage has the 32-bit entry point instead of the one for EFI. */
  readonly linuxLegacyBoot: boolean;
  /** The compression of the payload of a bzImage. */
  readonly encoding: 'raw' | 'gzip' | 'zlib';
  readonly bootMethod: BootMethod;
  readonly kernelArguments: readonly string[];
  readonly initArguments: readonly string[];
  /** Absolute path. */
  readonly initramfs: string | undefined;
  readonly grubProtocol: GrubProtocol;
  readonly grubMenu: boolean;
  /** Path of grub-mkrescue. */
  readonly grubMkrescue: string | undefined;
  /** The program that runs the machine. */
  readonly qemu: string | undefined;
  /** Arguments for it, as the file contains them: a shell expands variables and $(...). */
  readonly qemuArguments: string | undefined;
  readonly logFile: string | undefined;
}

export type BootMethod = 'direct-elf' | 'grub-rescue-iso' | 'grub-qcow2';
export type ProjectType = (typeof projectTypes)[number];
export type GrubProtocol = 'multiboot' | 'multiboot2' | 'linux';

export interface OsdkManifest {
  /** The folder of the file, an absolute path. */
  readonly folder: string;
  readonly projectType: ProjectType | undefined;
  readonly supportedArchs: readonly string[];
  readonly schemes: readonly string[];
  /** Returns the settings. Throws a Failure for a scheme that the file does not have. */
  settings(action: OsdkAction, scheme?: string): OsdkSettings;
}

const projectTypes = ['kernel', 'library', 'module'] as const;
/** The architecture that is built here. */
const ourArch = 'x86_64';
export const bootMethods = ['direct-elf', 'grub-rescue-iso', 'grub-qcow2'] as const;
/** Old names of methods, with their new names. */
export const olderMethods: Readonly<Record<string, BootMethod>> = { 'qemu-direct': 'direct-elf', 'vmm-direct': 'direct-elf' };
export const grubProtocols = ['multiboot', 'multiboot2', 'linux'] as const;
const encodings = ['raw', 'gzip', 'zlib'] as const;

const defaults: OsdkSettings = {
  features: [],
  defaultFeatures: true,
  profile: 'dev',
  stripElf: false,
  linuxLegacyBoot: false,
  encoding: 'raw',
  bootMethod: 'direct-elf',
  kernelArguments: [],
  initArguments: [],
  initramfs: undefined,
  grubProtocol: 'multiboot2',
  grubMenu: false,
  grubMkrescue: undefined,
  qemu: undefined,
  qemuArguments: undefined,
  logFile: undefined,
};

/** Finds the file of a package, in its folder or in a parent folder. */
export function osdkManifestPath(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'OSDK.toml');
    if (existsSync(path)) return path;
    if (at === dirname(at)) return undefined;
  }
}

/** Reads the file. An unknown field is a Failure with its path and the nearest known field. */
export async function readOsdkManifest(path: string): Promise<OsdkManifest> {
  const document = await readTomlFields(path);
  const folder = dirname(path);
  const projectType = oneOf(document, 'project_type', projectTypes);
  const supportedArchs = document.texts('supported_archs') ?? [];
  const top = levelOf(document, folder);
  const schemes = new Map(
    document.named('scheme').map(([name, scheme]) => {
      const archs = scheme.texts('supported_archs') ?? [];
      const level = levelOf(scheme, folder);
      scheme.done();
      return [name, { ...level, archs }] as const;
    }),
  );
  document.done();
  return {
    folder,
    projectType,
    supportedArchs,
    schemes: [...schemes.keys()],
    settings(action, scheme) {
      const chosen = scheme === undefined ? undefined : schemes.get(scheme);
      if (scheme !== undefined && !chosen) {
        const near = nearest(scheme, [...schemes.keys()]);
        const names = [...schemes.keys()].join(', ') || 'none';
        throw cannot(`use the scheme "${scheme}" of "${path}"`, `its schemes are ${names}`, {
          blame: 'usage',
          hint: near === undefined ? undefined : `did you mean ${near}?`,
        });
      }
      if (chosen && chosen.archs.length > 0 && !chosen.archs.includes(ourArch)) {
        throw cannot(
          `use the scheme "${scheme}" of "${path}"`,
          `it is for ${chosen.archs.join(', ')}, and kernels are built for ${ourArch}`,
          {
            blame: 'usage',
          },
        );
      }
      const ofAction = action === 'build' ? 'run' : action; // a build creates what is run
      const levels = [top.always, top[ofAction], chosen?.always, chosen?.[ofAction]];
      const single: OsdkSettings = Object.assign({}, defaults, ...levels.map((level) => level ?? {}));
      const inOrder = [top.always, chosen?.always, top[ofAction], chosen?.[ofAction]];
      const joined = (name: 'features' | 'kernelArguments' | 'initArguments'): readonly string[] =>
        inOrder.flatMap((level) => level?.[name] ?? []);
      return {
        ...single,
        features: joined('features'),
        kernelArguments: joined('kernelArguments'),
        initArguments: joined('initArguments'),
        stripElf: levels.some((level) => level?.stripElf),
        linuxLegacyBoot: levels.some((level) => level?.linuxLegacyBoot),
      };
    },
  };
}

/** Values of the file's top or of a scheme: for every action, and for single actions. */
interface Level {
  readonly always: Partial<OsdkSettings>;
  readonly run: Partial<OsdkSettings>;
  readonly test: Partial<OsdkSettings>;
}

function levelOf(fields: Fields, folder: string): Level {
  const [run, test] = [fields.table('run'), fields.table('test')];
  const level = { always: settingsOf(fields, folder), run: run ? settingsOf(run, folder) : {}, test: test ? settingsOf(test, folder) : {} };
  run?.done();
  test?.done();
  return level;
}

function settingsOf(fields: Fields, folder: string): Partial<OsdkSettings> {
  const found: Partial<Record<keyof OsdkSettings, unknown>> = {};
  const build = fields.table('build');
  found.features = build?.texts('features');
  const noDefaults = build?.flag('no_default_features');
  found.defaultFeatures = noDefaults === undefined ? undefined : !noDefaults;
  found.profile = build?.text('profile');
  found.stripElf = build?.flag('strip_elf');
  found.linuxLegacyBoot = build?.flag('linux_x86_legacy_boot');
  found.encoding = build && oneOf(build, 'encoding', encodings);
  build?.done();
  const boot = fields.table('boot');
  found.bootMethod = boot && oneOf(boot, 'method', bootMethods, olderMethods);
  found.kernelArguments = boot?.texts('kcmd_args');
  found.initArguments = boot?.texts('init_args');
  const initramfs = boot?.text('initramfs');
  found.initramfs = initramfs === undefined ? undefined : join(folder, initramfs);
  boot?.done();
  const grub = fields.table('grub');
  found.grubMkrescue = grub?.text('mkrescue_path') ?? grub?.text('grub_mkrescue');
  found.grubProtocol = grub && (oneOf(grub, 'boot_protocol', grubProtocols) ?? oneOf(grub, 'protocol', grubProtocols));
  found.grubMenu = grub?.flag('display_grub_menu');
  grub?.done();
  const qemu = fields.table('qemu');
  found.qemu = qemu?.text('path');
  found.qemuArguments = qemu?.text('args');
  found.logFile = qemu?.text('log_file');
  // Daemons during a run, and the purpose of a monitor, are used only by OSDK.
  for (const name of ['bootdev_append_options', 'with_monitor', 'daemons']) qemu?.value(name);
  qemu?.done();
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function oneOf<T extends string>(
  fields: Fields,
  name: string,
  values: readonly T[],
  older: Readonly<Record<string, T>> = {},
): T | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const value = values.find((one) => one === text) ?? (Object.hasOwn(older, text) ? older[text] : undefined);
  if (value !== undefined) return value;
  const near = nearest(text, values);
  throw fields.bad(name, `"${text}" is not one of ${values.join(', ')}`, near === undefined ? undefined : `did you mean ${near}?`);
}
