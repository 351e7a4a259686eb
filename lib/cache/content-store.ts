// The content store: blobs by digest, in one directory. A blob is published by rename and never changes; it is verified when it is
// read, and one that is not what its name says is dropped, reported and counts as absent. Knows nothing of actions or crates.
import { chmodSync, constants, copyFileSync, createReadStream, createWriteStream, linkSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../core/digest.ts';
import { digestBytes, digestFile, finished, sha256 } from '../core/digest.ts';
import { absentAsUndefined, errnoOf } from '../core/errors.ts';
import type { Report } from '../core/events.ts';

export interface ContentStore {
  /** Stores bytes; the digest names them from then on. */
  putBytes(bytes: Uint8Array | string): Promise<Digest>;
  /** Moves a file into the store; the path is gone afterwards. */
  adoptFile(path: string): Promise<{ digest: Digest; sizeBytes: number }>;
  /** The bytes of a blob, verified; undefined when it is absent or was damaged. */
  read(digest: Digest): Promise<Buffer | undefined>;
  /** Is there a blob of that name? Says nothing of its bytes, until one was found damaged: from then on none is believed unread. */
  has(digest: Digest): Promise<boolean>;
  /** Is the blob there and whole? Verified once for each opened store. */
  holds(digest: Digest): Promise<boolean>;
  /** Gives a blob the name `path` without copying where the file system allows (a hard link, read-only). The blob must be held. */
  linkTo(digest: Digest, path: string): Promise<void>;
  /** Puts a copy with the given mode at `path`, a clone where the file system has them. The blob must be held. */
  cloneTo(digest: Digest, path: string, mode: number): Promise<void>;
  /** Writes a copy with the given mode, verified on the way, by rename. False when the blob is absent or was damaged. */
  copyTo(digest: Digest, path: string, mode: number): Promise<boolean>;
}

/** Blobs are executable for all because a hard link shares its blob's mode and some blobs are programs. */
const blobMode = 0o555;

/** A blob turned out damaged, or gone, when it was needed: its maker has to run again first. */
export class DamagedBlob extends Error {
  constructor(digest: Digest) {
    super(`blob ${digest} is damaged`);
  }
}

/** Opens (and makes) the store in `dir`; `tmpDir` must lie on the same file system. */
export async function openContentStore(dir: string, tmpDir: string, report: Report): Promise<ContentStore> {
  await mkdir(dir, { recursive: true });
  let serial = 0;
  const temporary = (): string => join(tmpDir, `blob-${serial++}`);
  const place = (digest: Digest): string => join(dir, digest.slice(0, 2), digest);
  const verified = new Map<Digest, Promise<boolean>>();
  // Damage seldom comes alone, and who stumbles over each blob by itself starts over for each.
  let doubtful = false;

  const drop = async (digest: Digest): Promise<void> => {
    verified.delete(digest);
    doubtful = true;
    // Of two that find the damage at once, one tells.
    if (await absentAsUndefined(rm(place(digest)).then(() => true))) report({ kind: 'repaired', digest });
  };
  const publish = async (from: string, digest: Digest): Promise<void> => {
    await chmod(from, blobMode);
    await mkdir(join(dir, digest.slice(0, 2)), { recursive: true });
    await rename(from, place(digest));
    verified.set(digest, Promise.resolve(true));
  };
  const verify = async (digest: Digest): Promise<boolean> => {
    const actual = await absentAsUndefined(digestFile(place(digest)));
    if (actual !== undefined && actual !== digest) await drop(digest);
    return actual === digest;
  };

  const holds = (digest: Digest): Promise<boolean> => {
    const known =
      verified.get(digest) ??
      verify(digest).then((whole) => {
        if (!whole) verified.delete(digest); // another process may bring it
        return whole;
      });
    verified.set(digest, known);
    return known;
  };

  return {
    async putBytes(bytes) {
      const digest = digestBytes(bytes);
      const path = temporary();
      await writeFile(path, bytes);
      await publish(path, digest);
      return digest;
    },
    async adoptFile(path) {
      const [digest, { size }] = await Promise.all([digestFile(path), stat(path)]);
      await publish(path, digest);
      return { digest, sizeBytes: size };
    },
    async read(digest) {
      const bytes = await absentAsUndefined(readFile(place(digest)));
      if (bytes === undefined || digestBytes(bytes) === digest) return bytes;
      await drop(digest);
      return undefined;
    },
    async has(digest) {
      return doubtful ? holds(digest) : (await absentAsUndefined(stat(place(digest)))) !== undefined;
    },
    holds,
    async linkTo(digest, path) {
      try {
        linkSync(place(digest), path); // tens of thousands in a build: a promise for each costs more than the link
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') verified.delete(digest); // another process collected it
        if (!['EXDEV', 'EMLINK', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
        await copyFile(place(digest), path);
      }
    },
    async cloneTo(digest, path, mode) {
      try {
        copyFileSync(place(digest), path, constants.COPYFILE_FICLONE);
        chmodSync(path, mode);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') verified.delete(digest); // another process collected it
        throw error;
      }
    },
    async copyTo(digest, path, mode) {
      const hash = sha256();
      const hashing = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      const partial = `${path}.partial`;
      try {
        const source = createReadStream(place(digest), { highWaterMark: 1 << 20 });
        const copied = await absentAsUndefined(pipeline(source, hashing, createWriteStream(partial, { mode })).then(() => true));
        if (!copied) return false;
        if (finished(hash) !== digest) {
          await drop(digest);
          return false;
        }
        await chmod(partial, mode);
        await rename(partial, path);
        return true;
      } finally {
        await rm(partial, { force: true });
      }
    },
  };
}
