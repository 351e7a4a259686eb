// A name for an image that other programs take as it is: e2fsprogs reads a "?" in the path of an image as the start of options.
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface PlainName {
  /** The working directory in which `name` is the image. It is removed afterwards, with all that is in it. */
  readonly cwd: string;
  readonly name: string;
}

/** Runs `work` with a link to the image in a folder of its own below `scratchDir`. */
export async function withPlainName<T>(imagePath: string, scratchDir: string, work: (image: PlainName) => Promise<T>): Promise<T> {
  const cwd = await mkdtemp(join(scratchDir, 'bloomery-image-'));
  try {
    await symlink(resolve(imagePath), join(cwd, 'image'));
    return await work({ cwd, name: 'image' });
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
