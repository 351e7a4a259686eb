// The part of a system's page about other kernels, which boot the same image.
import type { OutputFacts } from '../console/lines/program-output.ts';
import type { ConsoleRules } from '../console/rules.ts';
import type { FileFacts, ModuleFacts } from './image-facts.ts';
import type { SourceFacts } from './source-facts.ts';

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
