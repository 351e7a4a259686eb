// The toolchains with which the crate compiler is tested: those of the host by name or folder, and those of
// releases of Debian, which are unpacked into the cache. For a toolchain that cannot be obtained, there is a
// reason.
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { chooseToolchain } from '../../crates/toolchain/choice.ts';
import type { Toolchain } from '../../crates/toolchain/toolchain.ts';
import { releaseToolchain } from '../../host/debian-toolchain.ts';

/** The supported versions: those of the host, and those of the oldest and the newest release of Debian. */
export const promisedToolchains: readonly string[] = ['stable', 'nightly', 'debian:trixie', 'debian:sid'];

/** A toolchain, or the reason why it could not be obtained, with the word that asked for it. */
export type TestedToolchain = { readonly name: string } & ({ readonly toolchain: Toolchain } | { readonly why: string });

/** The folder in which toolchains are searched and unpacked. Builds do not use this folder of the cache. */
export interface ToolchainPlace {
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir: string;
  /** The folder to which relative paths refer. */
  readonly cwd: string;
}

/**
 * Finds the toolchain for a word: "debian:SUITE", a path with a slash, or a value of --toolchain. For a
 * missing or too old toolchain, the result has the reason.
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

/** Returns the folder that contains bin/rustc. */
export function folderOf({ rustc }: Pick<Toolchain, 'rustc'>): string {
  return dirname(dirname(rustc));
}
