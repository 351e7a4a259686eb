// The content store: blobs by digest, in one directory. A blob is published by rename and never changes. It
// is verified when it is read. A blob whose bytes do not match its digest is dropped, reported and counted as
// absent. This module does not know actions or crates.
import {
  chmodSync,
  constants,
  copyFileSync,
  createReadStream,
  createWriteStream,
  linkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../core/digest.ts';
import { digestBytes, digestFile, finished, sha256 } from '../core/digest.ts';
import { absentAsUndefined, errnoOf, hasErrno } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { makeFolder, renameInto, replaceFile, unlinkLater } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';

export interface ContentStore {
  /** Stores bytes and returns their digest. */
  putBytes(bytes: Uint8Array | string): Promise<Digest>;
  /**
   * Moves a file into the store; the path is gone afterwards. `known` is the digest of its bytes, if the caller
   * has computed it. No other process may be able to write to the file.
   */
  adoptFile(path: string, known?: Digest): Promise<{ digest: Digest; sizeBytes: number }>;
  /**
   * Offers a file with the bytes of a blob, in a folder of unfinished work, that `copyTo` may use as the copy.
   * The path is gone afterwards. Only the last offered files are kept.
   */
  offer(digest: Digest, path: string): void;
  /**
   * Copies a blob that this process has stored, while other work goes on, if it is large and no copy was offered.
   * `copyTo` uses the copy.
   */
  prepare(digest: Digest): void;
  /** Returns the verified bytes of a blob, or undefined if it is absent or was damaged. */
  read(digest: Digest): Promise<Buffer | undefined>;
  /**
   * Whether a blob of that digest exists. Its bytes are not checked until the first damaged blob was found;
   * from then on every blob is verified.
   */
  has(digest: Digest): Promise<boolean>;
  /**
   * Whether the blob exists and is intact. It is read only if it was never verified or was written to since
   * (`seal`).
   */
  holds(digest: Digest): Promise<boolean>;
  /**
   * Creates a hard link to a blob at `path` (read-only), or a copy if the file system has no hard links. The
   * blob must exist and be intact.
   */
  linkTo(digest: Digest, path: string): Promise<void>;
  /**
   * Puts a copy with the given mode at `path`. The copy is a clone if the file system supports that. The blob
   * must exist and be intact.
   */
  cloneTo(digest: Digest, path: string, mode: number): Promise<void>;
  /**
   * Writes a verified copy with the given mode and publishes it by rename. Returns false if the blob is
   * absent or was damaged.
   */
  copyTo(digest: Digest, path: string, mode: number): Promise<boolean>;
}

/** Smaller blobs are copied in less than 1 ms. */
const leastPreparedBytes = MiB;

/** Limit of offered copies. A build of many crates would otherwise fill the disk with them. */
const mostSpares = 8;

/** Blobs are executable for all because a hard link shares its blob's mode and some blobs are programs. */
const blobMode = 0o555;

/** A blob that an action needs is damaged or gone. The action that produced it has to run again first. */
export class DamagedBlob extends Error {
  constructor(digest: Digest) {
    super(`blob ${digest} is damaged`);
  }
}

/** Opens the store in `dir` and creates it if necessary. `tmpDir` must be on the same file system. */
export async function openContentStore(dir: string, tmpDir: string, report: Report): Promise<ContentStore> {
  await makeFolder(dir);
  return new FolderStore(dir, tmpDir, report);
}

/** A store in a folder that other processes use too. */
class FolderStore implements ContentStore {
  readonly #dir: string;
  readonly #tmpDir: string;
  readonly #report: Report;
  /** Whether each requested blob has the bytes that its digest names. */
  readonly #verified = new Map<Digest, Promise<boolean>>();
  /**
   * Set when the first damaged blob was found. From then on every blob is verified on access: otherwise each
   * damaged blob would restart the build once.
   */
  #doubtful = false;
  /** Blobs that this process stored. */
  readonly #stored = new Set<Digest>();
  /** Offered copies of blobs, the oldest first. */
  readonly #spares = new Map<Digest, string>();
  /** Copies that were prepared, or are being made. */
  readonly #copies = new Map<Digest, Promise<void>>();
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
    this.#publish(path, digest);
    return digest;
  }

  async adoptFile(path: string, known?: Digest): Promise<{ digest: Digest; sizeBytes: number }> {
    const { size } = statSync(path);
    const digest = known ?? (await digestFile(path));
    this.#publish(path, digest);
    return { digest, sizeBytes: size };
  }

  offer(digest: Digest, path: string): void {
    const spare = this.#sparePath();
    renameSync(path, spare);
    const { nlink } = statSync(spare);
    // A link to it could be in the store too, and a copy may be written to. If the blob is not new, the files
    // of the user probably have its bytes already.
    if (nlink > 1 || this.#spares.has(digest) || !this.#stored.has(digest)) return unlinkLater(spare);
    this.#keepSpare(digest, spare);
  }

  prepare(digest: Digest): void {
    const isLarge = (this.#stat(digest)?.size ?? 0) >= leastPreparedBytes;
    if (!isLarge || !this.#stored.has(digest) || this.#spares.has(digest) || this.#copies.has(digest)) return;
    const spare = this.#sparePath();
    const copied = copyFile(this.#place(digest), spare, constants.COPYFILE_FICLONE).then(
      () => this.#keepSpare(digest, spare),
      () => unlinkLater(spare), // `copyTo` copies it, or its error names the reason
    );
    this.#copies.set(digest, copied);
  }

  #keepSpare(digest: Digest, spare: string): void {
    this.#spares.set(digest, spare);
    const [oldest] = this.#spares;
    if (oldest === undefined || this.#spares.size <= mostSpares) return;
    this.#spares.delete(oldest[0]);
    unlinkLater(oldest[1]);
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await absentAsUndefined(readFile(this.#place(digest)));
    if (bytes === undefined || digestBytes(bytes) === digest) return bytes;
    await this.#drop(digest);
    return undefined;
  }

  async has(digest: Digest): Promise<boolean> {
    return this.#doubtful ? this.holds(digest) : this.#stat(digest) !== undefined;
  }

  holds(digest: Digest): Promise<boolean> {
    const known =
      this.#verified.get(digest) ??
      this.#verify(digest).then((whole) => {
        if (!whole) this.#verified.delete(digest); // another process may store it again
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
    await this.#copies.get(digest);
    if (this.#useSpare(digest, path, mode)) return true;
    const partial = `${path}.partial`;
    try {
      const actual = await absentAsUndefined(this.#copy(digest, partial, mode));
      if (actual === undefined) return false;
      if (actual !== digest) {
        await this.#drop(digest);
        return false;
      }
      chmodSync(partial, mode);
      replaceFile(partial, path);
      return true;
    } finally {
      rmSync(partial, { force: true });
    }
  }

  /** Moves an offered copy to `path`. Returns false without a copy, or if the path is on another file system. */
  #useSpare(digest: Digest, path: string, mode: number): boolean {
    const spare = this.#spares.get(digest);
    if (spare === undefined) return false;
    this.#spares.delete(digest);
    try {
      chmodSync(spare, mode);
      replaceFile(spare, path);
      return true;
    } catch {
      unlinkLater(spare);
      return false; // an ordinary copy works, or its error names the reason
    }
  }

  #sparePath(): string {
    return join(this.#tmpDir, `spare-${this.#serial++}`);
  }

  /** Returns the digest of the copied bytes. Blobs that this process has just stored are not hashed again. */
  async #copy(digest: Digest, to: string, mode: number): Promise<Digest> {
    const from = this.#place(digest);
    if (!this.#stored.has(digest) || !isSealed(statSync(from))) return await copyHashing(from, to, mode);
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    return digest;
  }

  /** Synchronous, because a build asks for hundreds of blobs. */
  #stat(digest: Digest): Stats | undefined {
    return statSync(this.#place(digest), { throwIfNoEntry: false });
  }

  #place(digest: Digest): string {
    return join(this.#dir, digest.slice(0, 2), digest);
  }

  /** Synchronous, because a promise for each of the calls takes four times as long as the calls. */
  #publish(from: string, digest: Digest): void {
    if (this.#keep(digest)) {
      const spare = this.#sparePath();
      renameSync(from, spare);
      unlinkLater(spare);
    } else {
      chmodSync(from, blobMode);
      const sec = sealedSec(statSync(from).size);
      utimesSync(from, sec, sec);
      renameInto(from, this.#place(digest));
      this.#stored.add(digest);
    }
    this.#verified.set(digest, Promise.resolve(true));
  }

  /**
   * Whether the store has an intact blob already, which is then kept. When a file is renamed over another one,
   * ext4 writes it to the disk first, which takes about 1 ms per MB. The seal is renewed, because garbage
   * collection keeps blobs that changed since the start of a running process.
   */
  #keep(digest: Digest): boolean {
    const path = this.#place(digest);
    const before = this.#stat(digest);
    if (!before || this.#doubtful || !isSealed(before)) return false;
    try {
      utimesSync(path, before.mtime, before.mtime);
      return true;
    } catch {
      return false; // another process collected it, or the cache belongs to another user
    }
  }

  async #verify(digest: Digest): Promise<boolean> {
    const path = this.#place(digest);
    const before = this.#stat(digest);
    if (before && isSealed(before) && !this.#doubtful) return true;
    const actual = await absentAsUndefined(digestFile(path));
    if (actual !== undefined && actual !== digest) await this.#drop(digest);
    // the cache may belong to another user and be read-only
    if (before && actual === digest) await seal(path, before.size).catch(() => undefined);
    return actual === digest;
  }

  async #drop(digest: Digest): Promise<void> {
    this.#stored.delete(digest);
    this.#verified.delete(digest);
    this.#doubtful = true;
    // If two callers find the damage at the same time, only one of them reports it.
    if (await absentAsUndefined(rm(this.#place(digest)).then(() => true))) this.#report({ kind: 'repaired', digest });
  }
}

/**
 * Marks a blob as verified: its modification time is set to a value that encodes its size, which no ordinary
 * write produces. So a blob is read once to be verified, and not in every build that needs it. A file that a
 * crash truncated is noticed too. Times are whole seconds, because file systems differ in the precision that
 * they store.
 */
async function seal(path: string, sizeBytes: number): Promise<void> {
  const sec = sealedSec(sizeBytes);
  await utimes(path, sec, sec);
}

function isSealed({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): boolean {
  return mtimeMs === sealedSec(size) * 1000;
}

/** Times from 2001 to 2016. */
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
