// The toolchains with which the crate compiler is tried: those of the host by name or folder, and those of releases of Debian, which are unpacked into the
// cache. What cannot be obtained has a reason.
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import type { Toolchain } from '../../crates/toolchain/toolchain.ts';
import { releaseToolchain } from '../../host/debian-toolchain.ts';

/** One of each version that is promised: the host's own, and those of the oldest and of the newest release of Debian. */
export const promisedToolchains: readonly string[] = ['stable', 'nightly', 'debian:trixie', 'debian:sid'];

/** A toolchain, or the reason why there is none, by the word that asked for it. */
export type TestedToolchain = { readonly name: string } & ({ readonly toolchain: Toolchain } | { readonly why: string });

/** Where toolchains are looked for, and unpacked: no build looks into this folder of the cache. */
export interface ToolchainPlace {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** The folder that relative paths count from. */
  readonly cwd: string;
}

/**
 * Finds the toolchain that a word asks for: "debian:SUITE", a path with a slash in it, or what --toolchain takes. One that is too old, or that is not
 * there, has the reason of the refusal.
 */
export async function testedToolchain(name: string, { env, cacheDir, cwd }: ToolchainPlace, context: Context): Promise<TestedToolchain> {
  try {
    const suite = /^debian:([\w-]+)$/.exec(name)?.[1];
    const wanted =
      suite === undefined
        ? name.includes('/')
          ? resolve(cwd, name)
          : name
        : folderOf(await releaseToolchain(suite, join(cacheDir, 'tested-toolchains'), { env, cacheDir }, context));
    const { toolchain } = await chooseToolchain({ env, cacheDir, wanted, needsRustSrc: false }, context);
    return { name, toolchain };
  } catch (error) {
    if (!(error instanceof Failure) || context.signal.aborted) throw error;
    return { name, why: error.message };
  }
}

/** The folder that has bin/rustc. */
export function folderOf({ rustc }: Pick<Toolchain, 'rustc'>): string {
  return dirname(dirname(rustc));
}
