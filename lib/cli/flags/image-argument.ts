// Shared by the verbs of tasks/image.ts: the image of the command line, and the arguments after it.
import { encodePath, pathOf } from '../../core/paths.ts';
import { cannot } from '../../core/errors.ts';
import { openImage } from '../../image/read/image-reader.ts';
import type { OpenImage } from '../../image/read/image-reader.ts';
import type { ImageHost } from '../../image/image-tools.ts';
import { diskPassword } from './disk-password.ts';
import type { Task } from '../task.ts';

/** Opens an image. The path is as the user wrote it. */
export async function openedImage(it: Task, path: string): Promise<OpenImage> {
  return await openImage(it.path(path), scratchDir(it), hostOf(it), it, async () => await diskPassword(it, { again: false }));
}

/**
 * Prints lines with names of an image. Names are bytes, which a string cannot always represent
 * (lib/core/paths.ts).
 */
export async function printNames(it: Task, lines: readonly string[]): Promise<void> {
  await it.write(Buffer.concat(lines.map((line) => Buffer.from(encodePath(`${line}\n`)))));
}

export function scratchDir({ host }: Task): string {
  return host.env['TMPDIR'] ?? '/tmp';
}

export function hostOf({ host }: Task): ImageHost {
  return { path: pathOf(host.env) };
}

/**
 * Returns the arguments after IMAGE: at least `least`, and at most as many as there are names. Another number
 * is a Failure.
 */
export function takeWords({ args }: Task, verb: string, least: number, ...names: readonly string[]): readonly string[] {
  const words = args.words.slice(2);
  const hint = 'see npx zx tasks/image.ts --help';
  if (words.length < least) throw cannot('read the command line', `${verb} needs IMAGE ${names.join(' ')}`, { blame: 'usage', hint });
  const extra = words[names.length];
  if (extra !== undefined) throw cannot('read the command line', `"${extra}" is one word too many`, { blame: 'usage', hint });
  return words;
}
