// What the command line says of the kernel of a checkout.
import type { BootMethod, GrubProtocol } from '../osdk/manifest.ts';

/** What the user says of the kernel, besides its OSDK.toml; lists are added to those of the file. */
export interface KernelWishes {
  readonly scheme?: string | undefined;
  readonly features?: readonly string[];
  readonly kernelArguments?: readonly string[];
  readonly initArguments?: readonly string[];
  /** In place of that of the file; absolute. */
  readonly initramfs?: string | undefined;
  readonly release?: boolean;
  readonly bootMethod?: BootMethod | undefined;
  readonly grubProtocol?: GrubProtocol | undefined;
  readonly grubMenu?: boolean;
}
