// Unpacks a NAR to a path of the host that must not exist yet. The archive is not trusted: each folder, file
// and link is created here, so that nothing is written through a link or over another file. A failure or ^C
// leaves no files.
import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { bytesOf, byteText, joined, readable } from './format.ts';
import type { ByteText } from './format.ts';
import { narEntries } from './reader.ts';
import type { ReadOptions } from './reader.ts';

/** Modes before the umask, as in `nix-store --restore`: a NAR stores only whether a file is executable. */
const fileMode = 0o666;
const programMode = 0o777;

/** Unpacks to `to`. Chunks are read to the end or to the first error. */
export async function restoreNar(chunks: Iterable<Uint8Array>, to: string, options: ReadOptions, context: Context): Promise<void> {
  const root = byteText(to);
  let begun = false;
  let fd: number | undefined;
  const turn = pace(context);
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  try {
    for (const event of narEntries(chunks, options)) {
      if (event.kind === 'piece') {
        if (fd !== undefined) writeAll(fd, event.bytes);
        await turn(event.bytes.length);
        continue;
      }
      close();
      const path = event.path === '' ? root : joined(root, event.path);
      make(options.what, event.path, () => {
        if (event.kind === 'directory') mkdirSync(bytesOf(path));
        else if (event.kind === 'symlink') symlinkSync(bytesOf(event.target), bytesOf(path));
        else fd = openSync(bytesOf(path), 'wx', event.executable ? programMode : fileMode);
      });
      begun = true;
      await turn(entryCost);
    }
  } catch (error) {
    close();
    if (begun) await rm(to, { recursive: true, force: true });
    throw cannotBecause(`write "${to}"`, error);
  } finally {
    close();
  }
}

/** An entry takes about as long as this number of bytes. */
const entryCost = 4096;

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at);
}

function make(what: string, path: ByteText, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errnoOf(error) === 'ENAMETOOLONG') throw cannot(what, 'its paths are longer than the system allows');
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw cannot(what, path === '' ? 'another file is at that path' : `the archive is damaged: "${readable(path)}" is there twice`);
  }
}
