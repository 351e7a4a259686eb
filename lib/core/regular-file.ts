// Opens files that third-party code wrote, and may still change: a link would lead to any file of the user, and a pipe would block for ever.
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from './errors.ts';

/**
 * Returns what `use` returns for a path that leads to the opened file whatever becomes of its name; undefined where `path` is not a regular file
 * that can be read. The path's folder must be one that third-party code cannot replace.
 */
export async function withRegularFile<T>(path: string, use: (opened: string, about: Stats) => Promise<T>): Promise<T | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (notThere.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const about = await file.stat();
    return about.isFile() ? await use(`/proc/self/fd/${file.fd}`, about) : undefined;
  } finally {
    await file.close();
  }
}

/** Absent, a link, not permitted, a socket or a device without a driver. */
const notThere: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV']);
