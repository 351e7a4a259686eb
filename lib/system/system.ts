// A system as one page of facts. load.ts finds and loads pages. A new system needs no code in this room.
import type { ConsoleRules, GuestSession, GuestShell, OutputFacts } from '../console/rules.ts';
import { cannot, nearest, partBefore } from '../core/errors.ts';
import type { MachineDescription } from '../machine/machine.ts';
import type { CargoBuild, CLibrary, Component, SourceFacts, UpstreamOrigin } from './component.ts';
import type { FileFacts, ImageFacts, KernelProtocol, ModuleFacts, NixBase, Replacement } from './image-facts.ts';

/**
 * A variant of a system's image. `Name` and `Made`: the components, and the outputs of components, that it
 * may name.
 */
export interface SystemProfile<Name extends string = string, Made extends string = string> {
  readonly title: string;
  /** The cargo profile that components are compiled with: "system", "dev", "release". */
  readonly cargoProfile: string;
  /** Nix builds the root file system unless --base names another platform. */
  readonly base?: 'nix';
  /** Names of its components. Absent: all. */
  readonly components?: readonly Name[];
  /** Its own image, if it is not the system's. */
  readonly image?: ImageFacts<Made>;
  /** A kernel that the machine starts directly. */
  readonly kernel?: KernelFacts<Made>;
  /** Changes to the system's machine. */
  readonly machine?: Partial<MachineDescription>;
  /** The console rules, if another system than the page's is started. */
  readonly console?: ConsoleRules;
  /** Commands that run in the guest after it has booted. */
  readonly session?: GuestSession;
  /** Commands that run instead of `session` after a reference kernel has booted. */
  readonly referenceSession?: GuestSession;
  /**
   * The command line with which reference kernels start the root file system of its disk, without the boot
   * loader of the disk.
   */
  readonly referenceWords?: string;
  /** The file of its configuration, in the folder of the system's configurations. */
  readonly configuration?: string;
}

/** A kernel that the machine starts directly. */
export type KernelFacts<Made extends string = string> = {
  readonly commandLine: string;
} & (
  | /** Out of a package that is taken alone (`single` of the system's sources). */ { readonly from: string }
    /** An output of a component ("kernel/kernel"), and how QEMU starts it. */
  | { readonly made: Made; readonly protocol: KernelProtocol; /** Without symbols. */ readonly stripped?: boolean }
);

/** The part of a page about checkouts of its kernel. */
export interface CheckoutFacts {
  /** The name for --source. */
  readonly source: string;
  /** The program that the kernel is compiled to. Rows of images name it. */
  readonly program: string;
  /** The components that are built from it, each with its cargo features. */
  readonly components: Readonly<Record<string, readonly string[]>>;
  /** The kernel's command line in texts of the images, which that of the checkout replaces. */
  readonly commandLine: string;
  /**
   * The component that is a bzImage's setup program, and its folder in a checkout. A checkout without that
   * folder uses the page's source.
   */
  readonly setup: { readonly component: string; readonly folder: string; readonly cargo: CargoBuild };
  /** The profile for a boot method. The first row whose fields all match is used. */
  readonly methods: readonly BootRow[];
  /** The text in GRUB's configurations that hides the menu, and the text that shows it. */
  readonly grubMenu: { readonly hidden: string; readonly shown: string };
}

/** A boot method, in the terms of an OSDK.toml. */
export interface BootRow {
  readonly method: 'direct-elf' | 'grub-rescue-iso' | 'grub-qcow2';
  readonly protocol?: 'multiboot' | 'multiboot2' | 'linux';
  /** A feature of the kernel that selects another profile. */
  readonly feature?: string;
  readonly profile: string;
}

/** The changes of a machine for one way to run it. */
export interface MachineScheme {
  readonly title: string;
  readonly machine: Partial<MachineDescription>;
}

/** The facts of the live variant. */
export interface LiveFacts {
  readonly component: string;
  /** Cargo features that are added to the component's own. */
  readonly features: readonly string[];
}

/** The part of a page about configurations. */
export interface ConfigurationFacts {
  /** The folder of included files, relative to the folder of the page. Profiles name files in it. */
  readonly folder: string;
  /** The partition of the image for the root file system. */
  readonly rootPartition: string;
  /** The partition whose size `efi_partition_size` sets. */
  readonly bootPartition: string;
  /** The folder of a cookbook's configurations: "x86_64". */
  readonly architecture: string;
  /** Packages that only upstream's sources have, by name. */
  readonly packages: Readonly<Record<string, UpstreamPackage>>;
  /** Rows of the root partition that replace the page's in a build of upstream's sources. */
  readonly upstreamFiles?: FileFacts;
}

export interface UpstreamPackage {
  readonly title: string;
  /** A package whose origin has no `cargo` is not compiled. */
  readonly upstream: UpstreamOrigin;
  /**
   * Its rows of the root partition. They name its outputs ("ion/ion") and files of its source
   * ("base:init.d").
   */
  readonly install?: FileFacts;
}

/** The part of a page about reference kernels. */
export interface ReferenceFacts {
  /** The packages of the kernels. */
  readonly sources: SourceFacts;
  readonly kernels: Readonly<Record<string, ReferenceKernel>>;
  /** The part of a console's output that is compared between kernels. */
  readonly output: OutputFacts;
}

/** An archive with modules of the kernel. */
export interface InitramfsFacts {
  readonly files: FileFacts;
  readonly modules: ModuleFacts;
}

export interface ReferenceKernel {
  readonly title: string;
  /** A file of a package of the sources: "kernel:boot/vmlinuz-*". */
  readonly packaged: string;
  /** Arguments in front of the command line of the profile. */
  readonly words: string;
  /** Number of processors. Absent: as many as the machine has. */
  readonly cpus?: number;
  /** The initramfs with which it starts the root file system of a disk, without the boot loader of the disk. */
  readonly initramfs?: InitramfsFacts;
  /** The console rules of the kernel. */
  readonly console: ConsoleRules;
}

export interface System {
  /** The name on the command line. */
  readonly name: string;
  /** The name in messages and documents. */
  readonly title: string;
  readonly components: Readonly<Record<string, Component>>;
  /** The C library that programs of its own triple are linked with. */
  readonly cLibrary?: CLibrary;
  /** Variants of the image by name. */
  readonly profiles: Readonly<Record<string, SystemProfile>>;
  /** The profile that is built if none is named. Default: "default". */
  readonly defaultProfile?: string;
  /** The image of profiles without their own. */
  readonly image?: ImageFacts;
  /** Sources in Debian. */
  readonly sources?: SourceFacts;
  /**
   * The system whose page has `sources`, if it is another one. The lock belongs to it, and its components are
   * unpacked with those of this page.
   */
  readonly sourceOwner?: Pick<System, 'name' | 'components'>;
  /** Programs of packages that are replaced by components, by name. */
  readonly replacements?: Readonly<Record<string, Replacement>>;
  /** Root file systems by configuration. */
  readonly configurations?: ConfigurationFacts;
  /** A closure that Nix builds instead of its images. */
  readonly nixBase?: NixBase;
  /** Other kernels that can boot its images. */
  readonly reference?: ReferenceFacts;
  /** How its kernel is built from a checkout with an OSDK.toml. */
  readonly checkout?: CheckoutFacts;
  /** Its variant that runs from memory. */
  readonly live?: LiveFacts;
  /** The machine that runs it. */
  readonly machine: MachineDescription;
  /** Other ways to run the machine, by name. */
  readonly schemes?: Readonly<Record<string, MachineScheme>>;
  /** The rules for the serial console, which decide the result of a boot. */
  readonly console: ConsoleRules;
  /** How commands are run in the guest. A profile with a session uses the login of the session. */
  readonly shell?: GuestShell;
}

/** The page of a machine that is not built here: its console is judged, and an image is booted if the page describes the machine. */
export type MachinePage = Pick<System, 'name' | 'title' | 'console'> & Partial<Pick<System, 'machine' | 'schemes' | 'reference' | 'shell'>>;

/** Returns a profile of a system by name. An unknown one is a Failure (usage) that suggests the nearest. */
export function profileOf(system: System, name: string): SystemProfile {
  const profile = Object.hasOwn(system.profiles, name) ? system.profiles[name] : undefined;
  if (profile) return profile;
  const names = Object.keys(system.profiles);
  const near = nearest(name, names);
  throw cannot(`find profile "${name}" of ${system.name}`, `its profiles are ${names.join(', ')}`, {
    blame: 'usage',
    hint: near ? `did you mean ${near}?` : undefined,
  });
}

export function defaultProfile(system: System): string {
  return system.defaultProfile ?? 'default';
}

/** Returns the image of a profile. A page without one is refused when it is loaded. */
export function imageOf(system: System, profile: string): ImageFacts {
  const image = profileOf(system, profile).image ?? system.image;
  if (!image) throw new Error(`the page of ${system.name} has no image for the profile ${profile}`);
  return image;
}

/** Whether a profile of a system has a configuration. */
export function isConfigured(system: System, profile: string): boolean {
  return system.configurations !== undefined && system.profiles[profile]?.configuration !== undefined;
}

/** Returns the component of an output: "kernel" for "kernel/kernel". */
export function componentOf(made: string): string {
  return partBefore(made, '/');
}
