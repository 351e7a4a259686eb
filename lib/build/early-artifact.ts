// An artifact that is whole before its command ends: rustc says when it has written a crate's metadata, and goes on with the code. The line
// is taken from standard error as it comes (rustc's `--json=artifacts`), the file is copied to the store, and who waits for it may go on.
import { copyFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import type { Action } from './action.ts';

export interface EarlyWatch {
  /** Takes a chunk of standard error. */
  readonly hear: (chunk: string) => void;
  /** Resolves when nothing of the output folder is being read any more; rejects if that went wrong. */
  readonly settled: () => Promise<void>;
}

const announcement = '{"$message_type":"artifact"';

/** Watches for the artifact of `early` in `outDir`. */
export function watchEarly({ path, there }: NonNullable<Action['early']>, outDir: string, cache: Cache): EarlyWatch {
  let rest = '';
  let copying: Promise<void> | undefined;
  const take = async (): Promise<void> => {
    const copy = join(outDir, '..', `early-${basename(path)}`);
    await copyFile(join(outDir, path), copy);
    const executable = ((await stat(copy)).mode & 0o111) !== 0;
    there({ path, executable, ...(await cache.content.adoptFile(copy)) });
  };
  return {
    hear(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!copying && line.startsWith(announcement) && basename(artifactOf(line)) === basename(path)) copying = take();
      }
      copying?.catch(() => {}); // told by settled()
    },
    settled: async () => copying,
  };
}

/** What a command said, without its announcements. */
export function withoutAnnouncements(stderr: string): string {
  if (!stderr.includes(announcement)) return stderr;
  return stderr
    .split('\n')
    .filter((line) => !line.startsWith(announcement))
    .join('\n');
}

function artifactOf(line: string): string {
  try {
    const message: { artifact?: unknown } = JSON.parse(line);
    return typeof message.artifact === 'string' ? message.artifact : '';
  } catch {
    return '';
  }
}
