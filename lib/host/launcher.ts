// Compiles launcher.c, the program that starts another one with its own dynamic linker.
import { join } from 'node:path';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';

/** A program that is not started by the host's dynamic linker. */
export interface Launched {
  /** The name of the program in the folder `own`. */
  readonly program: string;
  /** The path from the folder of the launcher to the root, for example "..". */
  readonly up: string;
  /** The path from the root to the folder of the program, its dynamic linker and its libraries. */
  readonly own: string;
  /** The name of the dynamic linker in `own`. */
  readonly loader: string;
}

/**
 * Writes the launcher to `path`. It may be moved together with the program that it starts, and links to it
 * may be anywhere. The started program gets the path of the launcher as its own. Throws a Failure (host) if
 * there is no C compiler.
 */
export async function writeLauncher(
  path: string,
  { program, up, own, loader }: Launched,
  { env }: { readonly env: Readonly<Record<string, string>> },
  { signal }: Context,
): Promise<void> {
  const words = Object.entries({ PROGRAM: program, UP: up, OWN: own, LOADER: loader }).map(([name, value]) => `-D${name}="${value}"`);
  const argv = [await tool('cc', pathOf(env)), '-O2', '-static', ...words, '-o', path, join(import.meta.dirname, 'launcher.c')];
  await outputOf(`compile what starts ${program}`, argv, { cwd: '/', env, signal });
}
