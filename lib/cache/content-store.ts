// The content store: blobs by digest, in one directory. A blob is published by rename and never changes; it is verified when it is
// read, and one that is not what its name says is dropped, reported and counts as absent. Knows nothing of actions or crates.
import { chmodSync, constants, copyFileSync, createReadStream, createWriteStream, linkSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../core/digest.ts';
import { digestBytes, digestFile, finished, sha256 } from '../core/digest.ts';
import { absentAsUndefined, errnoOf, hasErrno } from '../core/errors.ts';
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
  /** Is the blob there and whole? It is read only if it was never verified, or was written to since (`seal`). */
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
  return new FolderStore(dir, tmpDir, report);
}

/** A store in a folder that other processes use too. */
class FolderStore implements ContentStore {
  readonly #dir: string;
  readonly #tmpDir: string;
  readonly #report: Report;
  /** For each blob that was asked for, whether it has the bytes of its name. */
  readonly #verified = new Map<Digest, Promise<boolean>>();
  /** True once a blob was found damaged. Damage seldom comes alone, and a build that finds one blob after another starts over for each. */
  #doubtful = false;
  /** Blobs that this process stored. */
  readonly #stored = new Set<Digest>();
  #serial = 0;

  constructor(dir: string, tmpDir: string, report: Report) {
    this.#dir = dir;
    this.#tmpDir = tmpDir;
    this.#report = report;
  }

  async putBytes(bytes: Uint8Array | string): Promise<Digest> {
    const digest = digestBytes(bytes);
    const path = join(this.#tmpDir, `blob-${this.#serial++}`);
    await writeFile(path, bytes);
    await this.#publish(path, digest);
    return digest;
  }

  async adoptFile(path: string): Promise<{ digest: Digest; sizeBytes: number }> {
    const [digest, { size }] = await Promise.all([digestFile(path), stat(path)]);
    await this.#publish(path, digest);
    return { digest, sizeBytes: size };
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await absentAsUndefined(readFile(this.#place(digest)));
    if (bytes === undefined || digestBytes(bytes) === digest) return bytes;
    await this.#drop(digest);
    return undefined;
  }

  async has(digest: Digest): Promise<boolean> {
    return this.#doubtful ? this.holds(digest) : (await absentAsUndefined(stat(this.#place(digest)))) !== undefined;
  }

  holds(digest: Digest): Promise<boolean> {
    const known =
      this.#verified.get(digest) ??
      this.#verify(digest).then((whole) => {
        if (!whole) this.#verified.delete(digest); // another process may bring it
        return whole;
      });
    this.#verified.set(digest, known);
    return known;
  }

  async linkTo(digest: Digest, path: string): Promise<void> {
    try {
      linkSync(this.#place(digest), path); // tens of thousands in a build: a promise for each costs more than the link
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') this.#verified.delete(digest); // another process collected it
      if (!hasErrno(error, ['EXDEV', 'EMLINK', 'EPERM'])) throw error;
      await copyFile(this.#place(digest), path);
    }
  }

  async cloneTo(digest: Digest, path: string, mode: number): Promise<void> {
    try {
      copyFileSync(this.#place(digest), path, constants.COPYFILE_FICLONE);
      chmodSync(path, mode);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') this.#verified.delete(digest); // another process collected it
      throw error;
    }
  }

  async copyTo(digest: Digest, path: string, mode: number): Promise<boolean> {
    const partial = `${path}.partial`;
    try {
      const actual = await absentAsUndefined(this.#copy(digest, partial, mode));
      if (actual === undefined) return false;
      if (actual !== digest) {
        await this.#drop(digest);
        return false;
      }
      await chmod(partial, mode);
      await rename(partial, path);
      return true;
    } finally {
      await rm(partial, { force: true });
    }
  }

  /** Returns the digest of the copied bytes. Those that this process stored a moment ago are not hashed once more. */
  async #copy(digest: Digest, to: string, mode: number): Promise<Digest> {
    const from = this.#place(digest);
    if (!this.#stored.has(digest) || !isSealed(await stat(from))) return await copyHashing(from, to, mode);
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return digest;
  }

  #place(digest: Digest): string {
    return join(this.#dir, digest.slice(0, 2), digest);
  }

  async #publish(from: string, digest: Digest): Promise<void> {
    await chmod(from, blobMode);
    await seal(from, (await stat(from)).size);
    await mkdir(join(this.#dir, digest.slice(0, 2)), { recursive: true });
    await rename(from, this.#place(digest));
    this.#verified.set(digest, Promise.resolve(true));
    this.#stored.add(digest);
  }

  async #verify(digest: Digest): Promise<boolean> {
    const path = this.#place(digest);
    const before = await absentAsUndefined(stat(path));
    if (before && isSealed(before) && !this.#doubtful) return true;
    const actual = await absentAsUndefined(digestFile(path));
    if (actual !== undefined && actual !== digest) await this.#drop(digest);
    if (before && actual === digest) await seal(path, before.size).catch(() => undefined); // another user's cache may be readable and no more
    return actual === digest;
  }

  async #drop(digest: Digest): Promise<void> {
    this.#stored.delete(digest);
    this.#verified.delete(digest);
    this.#doubtful = true;
    // Of two callers that find the damage at the same time, one reports it.
    if (await absentAsUndefined(rm(this.#place(digest)).then(() => true))) this.#report({ kind: 'repaired', digest });
  }
}

/**
 * Marks a blob as verified: the time of its last change says its size, which no write leaves so. So a blob is read once to verify it, and not by every build
 * that needs it; a crash that leaves a file short is noticed too. Times count in whole seconds, because file systems differ in what they keep below.
 */
async function seal(path: string, sizeBytes: number): Promise<void> {
  const sec = sealedSec(sizeBytes);
  await utimes(path, sec, sec);
}

function isSealed({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): boolean {
  return mtimeMs === sealedSec(size) * 1000;
}

/** From 2001 to 2016. */
function sealedSec(sizeBytes: number): number {
  return 1_000_000_000 + (sizeBytes % 500_000_000);
}

/** Copies a file and returns the digest of the bytes that were copied. */
async function copyHashing(from: string, to: string, mode: number): Promise<Digest> {
  const hash = sha256();
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(createReadStream(from, { highWaterMark: 1 << 20 }), hashing, createWriteStream(to, { mode }));
  return finished(hash);
}
