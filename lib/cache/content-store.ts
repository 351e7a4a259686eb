// The content store: blobs by digest, in one directory. A blob is published by rename and never changes. It
// is verified when it is read. A blob whose bytes do not match its digest is dropped, reported and counted as
// absent. This module does not know actions or crates.
import { chmodSync, constants, copyFileSync, linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { copyInPieces, copyWithDigest, digestBytes, digestFile } from '../core/digest.ts';
import { absentAsUndefined, errnoOf, hasErrno } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { makeFolder, renameInto, replaceFile, unlinkLater } from '../core/paths.ts';
import { MiB } from '../core/sizes.ts';
import { openRecords, readRecord } from './records.ts';

export interface ContentStore {
  /** Stores bytes and returns their digest. */
  putBytes(bytes: Uint8Array | string): Promise<Digest>;
  /**
   * Moves a file into the store; the path is gone afterwards. `known` is the digest of its bytes, if the caller
   * has computed it. No other process may be able to write to the file. With `mayLend`, `copyTo` may lend a large
   * blob that is new: the first copy is then a hard link to it. The lent file may be written. The blob is then
   * damaged, which is noticed, and the action has to run again.
   */
  adoptFile(path: string, known?: Digest, mayLend?: boolean): Promise<{ digest: Digest; sizeBytes: number }>;
  /**
   * Copies a blob that this process has stored, while other work goes on, if it is large and will not be lent.
   * `copyTo` uses the copy.
   */
  prepare(digest: Digest): Promise<void>;
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
   * Writes a verified copy with the given mode, or lends the blob, and publishes it by rename. Returns false if the
   * blob is absent or was damaged.
   */
  copyTo(digest: Digest, path: string, mode: number): Promise<boolean>;
}

/** Smaller blobs are copied in less than 1 ms. They are neither lent nor copied before. */
const leastLentBytes = MiB;

/** Limit of prepared copies. A build of many crates would otherwise fill the disk with them. */
const mostSpares = 8;

/** The kind of the records with the stamps of lent blobs. */
const lentKind = 'lent';

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
  /** The folder of the store and of records. */
  readonly #home: string;
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
  /** Blobs that may be lent, and those that this process has lent. */
  readonly #lendable = new Set<Digest>();
  readonly #lent = new Set<Digest>();
  /** Prepared copies of blobs, the oldest first. */
  readonly #spares = new Map<Digest, string>();
  /** Copies that are being made, or were. */
  readonly #copies = new Map<Digest, Promise<void>>();
  #serial = 0;

  constructor(dir: string, tmpDir: string, report: Report) {
    this.#dir = dir;
    this.#home = dirname(dir);
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

  async adoptFile(path: string, known?: Digest, mayLend = false): Promise<{ digest: Digest; sizeBytes: number }> {
    const { size } = statSync(path);
    const digest = known ?? (await digestFile(path));
    const isNew = this.#publish(path, digest);
    if (isNew && mayLend && size >= leastLentBytes) this.#lendable.add(digest);
    return { digest, sizeBytes: size };
  }

  async prepare(digest: Digest): Promise<void> {
    const isLarge = (this.#stat(digest)?.size ?? 0) >= leastLentBytes;
    if (!isLarge || !this.#stored.has(digest) || this.#lendable.has(digest) || this.#spares.has(digest) || this.#copies.has(digest)) return;
    const spare = this.#sparePath();
    const copied = clone(this.#place(digest), spare).then(
      () => this.#keepSpare(digest, spare),
      () => unlinkLater(spare), // `copyTo` copies it, or its error names the reason
    );
    this.#copies.set(digest, copied);
    await copied;
  }

  #keepSpare(digest: Digest, spare: string): void {
    this.#spares.set(digest, spare);
    const [oldest] = this.#spares;
    if (oldest === undefined || this.#spares.size <= mostSpares) return;
    this.#spares.delete(oldest[0]);
    unlinkLater(oldest[1]);
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await absentAsUndefined(this.#bytes(digest));
    if (bytes === undefined || digestBytes(bytes) === digest) return bytes;
    await this.#drop(digest);
    return undefined;
  }

  /** Reads at once: another thread takes some ms to read a small file while compilers run. */
  async #bytes(digest: Digest): Promise<Buffer> {
    return readFileSync(this.#place(digest));
  }

  async has(digest: Digest): Promise<boolean> {
    return this.#doubtful ? this.holds(digest) : this.#stat(digest) !== undefined;
  }

  holds(digest: Digest): Promise<boolean> {
    if (this.#lent.has(digest)) return this.#verify(digest); // it can be written to at any time
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
    if (await this.#lend(digest, path, mode)) return true;
    await this.#copies.get(digest);
    if (this.#useSpare(digest, path, mode)) return true;
    const partial = `${path}.partial`;
    try {
      const actual = await absentAsUndefined(this.#copy(digest, partial));
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

  /**
   * Lends a blob: `path` becomes a hard link to it, with the present time and a mode of its own. Returns false if it
   * may not be lent, or if the path is on another file system.
   */
  async #lend(digest: Digest, path: string, mode: number): Promise<boolean> {
    if (!this.#lendable.delete(digest)) return false;
    const partial = `${path}.partial`;
    try {
      rmSync(partial, { force: true }); // of a killed process
      linkSync(this.#place(digest), partial);
      this.#lent.add(digest);
      chmodSync(partial, mode);
      const { ctime } = statSync(partial);
      utimesSync(partial, ctime, ctime);
      const loans = await openRecords(
        join(this.#home, lentKind),
        this.#tmpDir,
        (value): value is string => typeof value === 'string',
        this.#report,
      );
      await loans.put(digest, stampOf(statSync(partial)));
      replaceFile(partial, path);
      return true;
    } catch {
      rmSync(partial, { force: true });
      return false; // an ordinary copy works, or its error names the reason
    }
  }

  /** Whether the blob was verified and not written to since. A lent blob has the stamp of its loan. */
  #isUnchanged(digest: Digest, stats: Stats): boolean {
    return isSealed(stats) || readRecord(dirname(this.#home), lentKind, digest) === stampOf(stats);
  }

  /** Moves a prepared copy to `path`. Returns false without a copy, or if the path is on another file system. */
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
  async #copy(digest: Digest, to: string): Promise<Digest> {
    const from = this.#place(digest);
    const isStored = this.#stored.has(digest) && isSealed(statSync(from));
    rmSync(to, { force: true }); // of a killed process
    if (!isStored) return await copyWithDigest(from, to);
    await clone(from, to);
    return digest;
  }

  /** Synchronous, because a build asks for hundreds of blobs. */
  #stat(digest: Digest): Stats | undefined {
    return statSync(this.#place(digest), { throwIfNoEntry: false });
  }

  #place(digest: Digest): string {
    return join(this.#dir, digest.slice(0, 2), digest);
  }

  /**
   * Returns whether the blob is new. Synchronous, because a promise for each of the calls takes four times as long as
   * the calls.
   */
  #publish(from: string, digest: Digest): boolean {
    const isKept = this.#keep(digest);
    if (isKept) {
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
    return !isKept;
  }

  /**
   * Whether the store has an intact blob already, which is then kept. When a file is renamed over another one,
   * ext4 writes it to the disk first, which takes about 1 ms per MB. The seal is renewed, because garbage
   * collection keeps blobs that changed since the start of a running process.
   */
  #keep(digest: Digest): boolean {
    const path = this.#place(digest);
    const before = this.#stat(digest);
    if (!before || this.#doubtful || !this.#isUnchanged(digest, before)) return false;
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
    if (before && this.#isUnchanged(digest, before) && !this.#doubtful) return true;
    const actual = await absentAsUndefined(digestFile(path));
    if (actual !== undefined && actual !== digest) await this.#drop(digest);
    // The cache may belong to another user and be read-only. A lent file keeps its own time.
    if (before?.nlink === 1 && actual === digest) await seal(path, before.size).catch(() => undefined);
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

/** Returns a string that changes when the file is replaced or written to. */
function stampOf({ size, mtimeMs, ino }: Stats): string {
  return `${size} ${mtimeMs} ${ino}`;
}

function isSealed({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): boolean {
  return mtimeMs === sealedSec(size) * 1000;
}

/** Times from 2001 to 2016. */
function sealedSec(sizeBytes: number): number {
  return 1_000_000_000 + (sizeBytes % 500_000_000);
}

/** Copies a file to a new file. The copy is a clone if the file system supports that. */
async function clone(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await copyInPieces(from, to); // or its error names the reason
  }
}
