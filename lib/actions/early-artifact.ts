// An artifact that is whole before its command ends: rustc says when it has written a crate's metadata, and goes on with the code. The line
// is taken from standard error as it comes (rustc's `--json=artifacts`), the file is copied to the store, and who waits for it may go on.
import type { Stats } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { errnoOf } from '../core/errors.ts';
import { withRegularFile } from '../core/paths.ts';
import type { Action, FileArtifact } from './action.ts';

export interface EarlyWatch {
  /** Takes a chunk of standard error. */
  readonly hear: (chunk: string) => void;
  /** Resolves when nothing of the output folder is being read any more, with what was taken; rejects if that went wrong. */
  readonly settled: () => Promise<Taken | undefined>;
}

/** An artifact that is in the store already, and the state in which its file was when it was read (`stampOf`). */
export interface Taken {
  readonly artifact: FileArtifact;
  readonly stamp: string;
}

/** Equal for one file that was not written in between. */
export function stampOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

const announcement = '{"$message_type":"artifact"';

/**
 * Watches for the artifact of `early` in `outDir`. The command may announce what it likes: a path that leads to no regular file is not an early
 * artifact, and its dependents wait for the end of the command.
 */
export function watchEarly({ path, there }: NonNullable<Action['early']>, outDir: string, cache: Cache): EarlyWatch {
  let rest = '';
  let copying: Promise<Taken | undefined> | undefined;
  const take = (): Promise<Taken | undefined> =>
    withRegularFile(join(outDir, path), async (opened, about) => {
      const copy = join(outDir, '..', `early-${basename(path)}`);
      const copied = await copyFile(opened, copy).then(
        () => true,
        (error: unknown) => {
          if (errnoOf(error) === 'EACCES') return false; // the command has withdrawn the permission to read it
          throw error;
        },
      );
      if (!copied) return undefined;
      const executable = (about.mode & 0o111) !== 0;
      const artifact: FileArtifact = { kind: 'file', path, executable, ...(await cache.content.adoptFile(copy)) };
      there(artifact);
      return { artifact, stamp: stampOf(about) };
    });
  return {
    hear(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!copying && line.startsWith(announcement) && basename(artifactOf(line)) === basename(path)) copying = take();
      }
      copying?.catch(() => {}); // thrown by settled()
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
