// Binary packages of Redox: a signed list of files with their digests, then their contents (source: the README of the crate pkgar 0.2 and its public
// structures; all numbers are little-endian). In a compressed package, each file is its size, 8 bytes, and an LZMA2 stream; its digest is of the plain file.
import { createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blake3 } from '@noble/hashes/blake3.js';
import { digestBytes } from '../core/digest.ts';
import { mayHaveLostBytes } from '../core/paths.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { readTomlFields } from '../core/fields.ts';
import { unpackedLzma2 } from '../core/unpack.ts';
import type { Cookbook } from './cookbook.ts';

/** The header: signature, public key, digest of the entries, their number, flags. */
const headerBytes = 136;
const signatureBytes = 64;
/** An entry: digest, offset, size, mode, path. */
const entryBytes = 308;
/** The file with the public key of a repository, next to its packages. */
const keyFile = 'id_ed25519.pub.toml';
/** The beginning of an Ed25519 key in DER, before its 32 bytes (RFC 8410). */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex');
/** The longest path on Linux and Redox, without the NUL after it. */
const longestLink = 4095;
const [kindMask, fileKind, linkKind] = [0o170000, 0o100000, 0o120000];

/** The number of the one compression of the format, in the third byte of its flags. */
const lzma2 = 1;
/** Limit for unpacked sizes, because the sizes of compressed files are not signed. */
const mostUnpackedBytes = 2 ** 31;

interface PackageEntry {
  readonly path: string;
  readonly mode: number;
  readonly isLink: boolean;
  readonly digest: Buffer;
  /** The file's data in the package, compressed or not. */
  readonly stored: Buffer;
}

interface PackageList {
  readonly isCompressed: boolean;
  readonly entries: readonly PackageEntry[];
}

/** How packages are unpacked. */
export interface PackageHost {
  readonly cacheDir: string;
  /** A value of PATH. */
  readonly searchPath: string;
  readonly context: Context;
}

/**
 * Returns the user's own sources by recipe. Each binary package is replaced by the folder of its files. A
 * package for a recipe that is compiled is a Failure.
 */
export async function withPackages(
  local: Readonly<Record<string, string>>,
  cookbook: Pick<Cookbook, 'recipe'>,
  host: PackageHost,
): Promise<Readonly<Record<string, string>>> {
  const rows = Object.entries(local).map(async ([name, path]) => {
    if (!path.endsWith('.pkgar')) return [name, path] as const;
    const { template } = (await cookbook.recipe(name)).build;
    if (template !== 'remote') {
      throw cannot(`use --source ${name}=${path}`, `its recipe has the template "${template}", and binary packages are for "remote"`, {
        blame: 'usage',
      });
    }
    return [name, await pkgarFolder(path, host)] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}

/**
 * Returns the folder of the files of a package, which is verified and unpacked once. The key of its
 * repository is in the file next to it.
 */
export async function pkgarFolder(path: string, host: PackageHost): Promise<string> {
  const what = `unpack the package "${path}"`;
  const bytes = await readFile(path).catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  const folder = join(host.cacheDir, 'upstream', `pkgar-${digestBytes(bytes)}`);
  const list = packageList(bytes, await publicKeyOf(path, what), what);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial-${process.pid}`;
  const files = join(partial, 'files');
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(files, { recursive: true });
    const contents = list.isCompressed ? await decompressed(list.entries, what, partial, host) : list.entries.map(({ stored }) => stored);
    checkContents(list.entries, contents, what);
    for (const [index, entry] of list.entries.entries()) await writeEntry(entry, contents[index] ?? Buffer.alloc(0), files);
    await rename(files, folder);
  } catch (error) {
    throw cannotBecause(what, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

async function publicKeyOf(path: string, what: string): Promise<Buffer> {
  const file = join(dirname(path), keyFile);
  if ((await absentAsUndefined(readFile(file))) === undefined) {
    throw cannot(what, `the key of its repository, "${keyFile}", is not next to it`, { hint: `put it into "${dirname(path)}"` });
  }
  const key = (await readTomlFields(file)).text('pkey');
  if (key === undefined || !/^[0-9a-f]{64}$/i.test(key)) throw cannot(what, `"${file}" has no key of 64 hexadecimal digits named pkey`);
  return Buffer.from(key, 'hex');
}

const badPackage = (what: string, why: string): Error => cannot(what, why, { hint: 'fetch it again' });

/**
 * Returns the list of a package, verified by the key. An invalid list is a Failure. The contents of files are
 * verified after unpacking.
 */
function packageList(bytes: Buffer, key: Buffer, what: string): PackageList {
  const bad = (why: string): Error => badPackage(what, why);
  if (bytes.length < headerBytes) throw bad('it is cut off in its header');
  const signed = bytes.subarray(signatureBytes, headerBytes);
  const publicKey = createPublicKey({ key: Buffer.concat([derPrefix, key]), format: 'der', type: 'spki' });
  if (!verify(null, signed, publicKey, bytes.subarray(0, signatureBytes))) throw bad('its signature is not of the key of its repository');
  if (!signed.subarray(0, 32).equals(key)) throw bad('it names another key than that of its repository');
  const [count, flags] = [signed.readUInt32LE(64), signed.readUInt32LE(68)];
  if ((flags & 0xff) !== 0) throw cannot(what, `it has version ${flags & 0xff} of the format, and only 0 is known`);
  const packaging = (flags >> 16) & 0xff;
  if (packaging > lzma2)
    throw cannot(what, `it has compression ${packaging}, and only 1 (LZMA2) is known`, { hint: 'build it from source' });
  const dataAt = headerBytes + count * entryBytes;
  if (dataAt > bytes.length) throw bad('it is cut off in its list of files');
  const list = bytes.subarray(headerBytes, dataAt);
  if (!signed.subarray(32, 64).equals(Buffer.from(blake3(list)))) throw bad('its list of files is damaged');
  const seen = new Map<string, 'entry' | 'folder'>();
  const entries = Array.from({ length: count }, (_, index): PackageEntry => {
    const entry = list.subarray(index * entryBytes, (index + 1) * entryBytes);
    const [offset, size] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
    const mode = entry.readUInt32LE(48);
    const name = entry.subarray(52, entryBytes);
    const path = name.subarray(0, name.includes(0) ? name.indexOf(0) : name.length).toString();
    if (!name.includes(0) || mayHaveLostBytes(path)) throw bad(`its path "${path}" is too long or no text`);
    if (!isInside(path)) throw bad(`its path "${path}" leads out of it`);
    if (seen.has(path)) throw bad(`its path "${path}" is there twice`);
    seen.set(path, 'entry');
    // Nothing may be written through a link, in whatever order the two entries come.
    for (const folder of foldersOf(path)) {
      if (seen.get(folder) === 'entry') throw bad(`its path "${path}" is below a file or a link`);
      seen.set(folder, 'folder');
    }
    const kind = mode & kindMask;
    if (kind !== fileKind && kind !== linkKind) throw bad(`"${path}" is neither a file nor a link`);
    if (offset + size > bytes.length - dataAt) throw bad(`"${path}" is cut off`);
    const stored = bytes.subarray(dataAt + offset, dataAt + offset + size);
    if (stored.length !== size) throw bad(`"${path}" is cut off`);
    return { path, mode: mode & 0o7777, isLink: kind === linkKind, digest: entry.subarray(0, 32), stored };
  });
  return { isCompressed: packaging === lzma2, entries };
}

function checkContents(entries: readonly PackageEntry[], contents: readonly Buffer[], what: string): void {
  for (const [index, { path, isLink, digest }] of entries.entries()) {
    const content = contents[index];
    if (!content || !digest.equals(Buffer.from(blake3(content)))) throw badPackage(what, `"${path}" is damaged`);
    if (!isLink) continue;
    const isPath = content.length > 0 && content.length <= longestLink && !content.includes(0) && !mayHaveLostBytes(content.toString());
    if (!isPath) throw badPackage(what, `the link "${path}" does not contain a path`);
  }
}

/**
 * Returns the plain contents of compressed entries. `dir` is for unfinished work. The streams are joined to
 * one: each begins with a chunk that resets the dictionary
 * (https://en.wikipedia.org/wiki/Lempel-Ziv-Markov_chain_algorithm#LZMA2_format), so only their end markers
 * are removed. Starting a process for each file would take longer than the decompression.
 */
async function decompressed(
  entries: readonly PackageEntry[],
  what: string,
  dir: string,
  { searchPath, context }: PackageHost,
): Promise<readonly Buffer[]> {
  const sizes: number[] = [];
  const streams: Buffer[] = [];
  for (const { path, stored } of entries) {
    const stream = stored.subarray(8);
    const [first] = stream;
    const begins = first === 0 ? stream.length === 1 : first === 1 || (first !== undefined && first >= 0xe0);
    if (!begins || stream.at(-1) !== 0) throw badPackage(what, `"${path}" is damaged`);
    sizes.push(Number(stored.readBigUInt64LE(0)));
    streams.push(stream.subarray(0, -1));
  }
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  if (sizeBytes > mostUnpackedBytes) throw cannot(what, `it unpacks to ${sizeBytes} bytes, and at most ${mostUnpackedBytes} are read`);
  const packed = join(dir, 'packed');
  await writeFile(packed, Buffer.concat([...streams, Buffer.from([0])]));
  const plain =
    sizeBytes === 0 ? Buffer.alloc(0) : await readFile(await unpackedLzma2({ path: packed, sizeBytes, what }, searchPath, context));
  if (plain.length !== sizeBytes) throw badPackage(what, 'it unpacks to fewer bytes than its header contains');
  let at = 0;
  return sizes.map((size) => plain.subarray(at, (at += size)));
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function isInside(path: string): boolean {
  return path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

async function writeEntry({ path, mode, isLink }: PackageEntry, content: Buffer, folder: string): Promise<void> {
  const at = join(folder, path);
  await mkdir(dirname(at), { recursive: true });
  if (isLink) await symlink(content.toString(), at);
  else {
    await writeFile(at, content, { flag: 'wx' });
    await chmod(at, mode | 0o600);
  }
}
