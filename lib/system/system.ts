// What a system is: one page of facts. load.ts finds and loads pages; adding a system needs no code here.
import type { ConsoleRules, GuestSession, GuestShell, OutputFacts } from '../console/rules.ts';
import { cannot, nearest, partBefore } from '../core/errors.ts';
import type { MachineDescription } from '../machine/machine.ts';
import type { CargoBuild, CLibrary, Component, SourceFacts, UpstreamOrigin } from './component.ts';
import type { FileFacts, ImageFacts, KernelProtocol, ModuleFacts, NixBase, Replacement } from './image-facts.ts';

/** A variant of a system's image. `Name` and `Made`: the components, and the outputs of components, that it may name. */
export interface SystemProfile<Name extends string = string, Made extends string = string> {
  readonly title: string;
  /** The profile of cargo that components are compiled with: "system", "dev", "release". */
  readonly cargoProfile: string;
  /** It is built on this base unless --base names another. */
  readonly base?: 'nix';
  /** Components that it has; absent: all. */
  readonly components?: readonly Name[];
  /** Its own image, where it is not the system's. */
  readonly image?: ImageFacts<Made>;
  /** A kernel that the machine starts directly. */
  readonly kernel?: KernelFacts<Made>;
  /** Where its machine is another than the system's. */
  readonly machine?: Partial<MachineDescription>;
  /** What it says on the serial console, where another system than the page's is started. */
  readonly console?: ConsoleRules;
  /** What is done in the guest when it has booted. */
  readonly session?: GuestSession;
  /** What is done when another kernel of the page has booted it, in the place of `session`. */
  readonly referenceSession?: GuestSession;
  /** The command line with which other kernels of the page start the root file system of its disk, without the boot loader of the disk. */
  readonly referenceWords?: string;
  /** The file of its root file system, in the folder of the system's configurations. */
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
  /** What --source names. */
  readonly source: string;
  /** The program that the kernel becomes; rows of images name it. */
  readonly program: string;
  /** The components that are built from it, with the features that make them what they are. */
  readonly components: Readonly<Record<string, readonly string[]>>;
  /** The kernel's command line in texts of the images, in whose place that of the checkout comes. */
  readonly commandLine: string;
  /** The component that is a bzImage's setup program, and its folder in a checkout. A checkout without that folder gets the page's. */
  readonly setup: { readonly component: string; readonly folder: string; readonly cargo: CargoBuild };
  /** The profile for a way to boot; the first row whose fields all fit counts. */
  readonly methods: readonly BootRow[];
  /** What GRUB's configurations say so that its menu is not shown, and what shows it. */
  readonly grubMenu: { readonly hidden: string; readonly shown: string };
}

/** A way to boot, in the words of an OSDK.toml. */
export interface BootRow {
  readonly method: 'direct-elf' | 'grub-rescue-iso' | 'grub-qcow2';
  readonly protocol?: 'multiboot' | 'multiboot2' | 'linux';
  /** A feature of the kernel that makes it another one. */
  readonly feature?: string;
  readonly profile: string;
}

/** What a way to run the machine changes. */
export interface MachineScheme {
  readonly title: string;
  readonly machine: Partial<MachineDescription>;
}

/** What makes the live variant. */
export interface LiveFacts {
  readonly component: string;
  /** Cargo features that the component is then compiled with, besides its own. */
  readonly features: readonly string[];
}

/** The part of a page about configurations. */
export interface ConfigurationFacts {
  /** Where included files are, relative to the folder of the page; profiles name files in it. */
  readonly folder: string;
  /** The partition of the image that the root file system goes to. */
  readonly rootPartition: string;
  /** The partition whose size `efi_partition_size` sets. */
  readonly bootPartition: string;
  /** The folder of a cookbook's configurations: "x86_64". */
  readonly architecture: string;
  /** Packages that only upstream's sources have, by name. */
  readonly packages: Readonly<Record<string, UpstreamPackage>>;
  /** Rows of the root partition that take the place of the page's in a build of upstream's sources. */
  readonly upstreamFiles?: FileFacts;
}

export interface UpstreamPackage {
  readonly title: string;
  /** A package whose origin has no `cargo` is not compiled. */
  readonly upstream: UpstreamOrigin;
  /** Its rows of the root partition. They name its outputs ("ion/ion") and files of its source ("base:init.d"). */
  readonly install?: FileFacts;
}

/** The part of a page about other kernels. */
export interface ReferenceFacts {
  /** Where they come from. */
  readonly sources: SourceFacts;
  readonly kernels: Readonly<Record<string, ReferenceKernel>>;
  /** What of a console is compared between kernels. */
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
  /** Words in front of the command line of the profile. */
  readonly words: string;
  /** How many processors it gets; absent: as many as the machine has. */
  readonly cpus?: number;
  /** The initramfs with which it starts the root file system of a disk, without the boot loader of the disk. */
  readonly initramfs?: InitramfsFacts;
  /** What it says on the serial console. */
  readonly console: ConsoleRules;
}

export interface System {
  /** As typed on the command line. */
  readonly name: string;
  /** As read by people. */
  readonly title: string;
  readonly components: Readonly<Record<string, Component>>;
  /** What programs of its own triple are linked with. */
  readonly cLibrary?: CLibrary;
  /** Variants of the image by name. */
  readonly profiles: Readonly<Record<string, SystemProfile>>;
  /** What is built when none is named: "default" unless said. */
  readonly defaultProfile?: string;
  /** Unless each profile has its own. */
  readonly image?: ImageFacts;
  /** Sources that Debian has. */
  readonly sources?: SourceFacts;
  /** The system of whose page `sources` are, where that is another one. It has the lock, and its components are unpacked with those of this page. */
  readonly sourceOwner?: Pick<System, 'name' | 'components'>;
  /** Programs of a base that give way to components, by name. */
  readonly replacements?: Readonly<Record<string, Replacement>>;
  /** Root file systems by configuration. */
  readonly configurations?: ConfigurationFacts;
  /** A closure that Nix builds, in place of its images. */
  readonly nixBase?: NixBase;
  /** Other kernels that its images can be booted with. */
  readonly reference?: ReferenceFacts;
  /** How its kernel is built from a checkout with an OSDK.toml. */
  readonly checkout?: CheckoutFacts;
  /** Its variant that runs from memory. */
  readonly live?: LiveFacts;
  /** How its machine is started. */
  readonly machine: MachineDescription;
  /** Other ways to run the machine, by name. */
  readonly schemes?: Readonly<Record<string, MachineScheme>>;
  /** What it must say on the serial console, and what ends a boot. */
  readonly console: ConsoleRules;
  /** How commands are run in the guest. A profile that has a session uses its login. */
  readonly shell?: GuestShell;
}

/** The page of a machine that is not built here: its console is judged, and an image is booted if the page describes the machine. */
export type MachinePage = Pick<System, 'name' | 'title' | 'console'> & Partial<Pick<System, 'machine' | 'schemes' | 'reference' | 'shell'>>;

/** A profile of a system by name; an unknown one is a Failure (usage) that suggests the nearest. */
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

/** The image of a profile. A page without one is refused when it is loaded. */
export function imageOf(system: System, profile: string): ImageFacts {
  const image = profileOf(system, profile).image ?? system.image;
  if (!image) throw new Error(`the page of ${system.name} has no image for the profile ${profile}`);
  return image;
}

/** Whether a profile of a system has a configuration. */
export function isConfigured(system: System, profile: string): boolean {
  return system.configurations !== undefined && system.profiles[profile]?.configuration !== undefined;
}

/** Returns the component that makes an output: "kernel" of "kernel/kernel". */
export function componentOf(made: string): string {
  return partBefore(made, '/');
}
