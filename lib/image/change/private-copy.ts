// Changes an image on a copy that replaces it by a rename. Some tools cannot change an image safely in place,
// and the other hard links of an image must keep their bytes.
import { rm, rename } from 'node:fs/promises';
import { cannotBecause } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { ran } from '../image-tools.ts';
import type { ImageHost } from '../image-tools.ts';

/**
 * Copies the image, runs `work` on the copy, and renames it to the image's path. After an error, the image is
 * unchanged and no copy is left.
 */
export async function onCopy<T>(
  imagePath: string,
  what: string,
  host: ImageHost,
  context: Context,
  work: (copyPath: string) => Promise<T>,
): Promise<T> {
  const copy = `${imagePath}.partial`;
  try {
    await rm(copy, { force: true }); // left by a killed run
    await ran({ what, argv: ['cp', '--sparse=auto', '--reflink=auto', '--preserve=mode', '--', imagePath, copy] }, host, context);
    const result = await work(copy);
    context.signal.throwIfAborted();
    await rename(copy, imagePath);
    return result;
  } catch (error) {
    throw cannotBecause(what, error);
  } finally {
    await rm(copy, { force: true });
  }
}
