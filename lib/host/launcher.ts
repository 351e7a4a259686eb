// Compiles the program that starts another one by a dynamic linker of its own: launcher.c.
import { join } from 'node:path';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';

/** A program that is not started by the host's dynamic linker. */
export interface Launched {
  /** Its name in the folder `own`. */
  readonly program: string;
  /** From the folder of the launcher to the root of all: "..". */
  readonly up: string;
  /** From the root to the folder of the program, its dynamic linker and its libraries. */
  readonly own: string;
  /** The name of the dynamic linker in `own`. */
  readonly loader: string;
}

/**
 * Writes the program at `path`, which may be moved together with what it starts. Links to it may be anywhere. The program that is started gets the
 * launcher's path as its own. Without a C compiler: a Failure (host).
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
