// Binary packages of Redox: a signed list of files with their digests, then their contents (source: the README of the crate pkgar 0.2 and its public
// structures; all numbers are little-endian). Compressed packages are not read.
import { createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blake3 } from '@noble/hashes/blake3.js';
import { digestBytes } from '../core/digest.ts';
import { mayHaveLostBytes } from '../core/byte-path.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { readTomlFields } from '../core/fields.ts';
import type { Cookbook } from './cookbook.ts';

/** The header: signature, public key, digest of the entries, their number, flags. */
const headerBytes = 136;
const signatureBytes = 64;
/** An entry: digest, offset, size, mode, path. */
const entryBytes = 308;
/** The file with the public key of a repository, beside its packages. */
const keyFile = 'id_ed25519.pub.toml';
/** The beginning of an Ed25519 key in DER, before its 32 bytes (RFC 8410). */
const derPrefix = Buffer.from('302a300506032b6570032100', 'hex');
/** The longest path on Linux and Redox, without the NUL after it. */
const longestLink = 4095;
const [kindMask, fileKind, linkKind] = [0o170000, 0o100000, 0o120000];

interface PackageEntry {
  readonly path: string;
  readonly mode: number;
  readonly isLink: boolean;
  readonly content: Buffer;
}

/** The user's own sources by recipe, with the folder of its files in the place of each binary package. One for a recipe that compiles is a Failure. */
export async function withPackages(
  local: Readonly<Record<string, string>>,
  cookbook: Pick<Cookbook, 'recipe'>,
  cacheDir: string,
): Promise<Readonly<Record<string, string>>> {
  const rows = Object.entries(local).map(async ([name, path]) => {
    if (!path.endsWith('.pkgar')) return [name, path] as const;
    const { template } = (await cookbook.recipe(name)).build;
    if (template !== 'remote') {
      throw cannot(`use --source ${name}=${path}`, `its recipe has the template "${template}", and binary packages are for "remote"`, {
        blame: 'usage',
      });
    }
    return [name, await pkgarFolder(path, cacheDir)] as const;
  });
  return Object.fromEntries(await Promise.all(rows));
}

/** Returns the folder of the files of a package, which is verified and unpacked once. The key of its repository is in the file beside it. */
export async function pkgarFolder(path: string, cacheDir: string): Promise<string> {
  const what = `unpack the package "${path}"`;
  const bytes = await readFile(path).catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  const folder = join(cacheDir, 'upstream', `pkgar-${digestBytes(bytes)}`);
  const entries = packageEntries(bytes, await publicKeyOf(path, what), what);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    for (const entry of entries) await writeEntry(entry, partial);
    await rename(partial, folder);
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
    throw cannot(what, `the key of its repository, "${keyFile}", is not beside it`, { hint: `put it into "${dirname(path)}"` });
  }
  const key = (await readTomlFields(file)).text('pkey') ?? '';
  if (!/^[0-9a-f]{64}$/i.test(key)) throw cannot(what, `"${file}" has no key of 64 hexadecimal digits named pkey`);
  return Buffer.from(key, 'hex');
}

/** The entries of a package, verified by the key. Anything wrong is a Failure. */
export function packageEntries(bytes: Buffer, key: Buffer, what: string): readonly PackageEntry[] {
  const bad = (why: string): Error => cannot(what, why, { hint: 'fetch it again' });
  if (bytes.length < headerBytes) throw bad('it is cut off in its header');
  const signed = bytes.subarray(signatureBytes, headerBytes);
  const publicKey = createPublicKey({ key: Buffer.concat([derPrefix, key]), format: 'der', type: 'spki' });
  if (!verify(null, signed, publicKey, bytes.subarray(0, signatureBytes))) throw bad('its signature is not of the key of its repository');
  if (!signed.subarray(0, 32).equals(key)) throw bad('it names another key than that of its repository');
  const [count, flags] = [signed.readUInt32LE(64), signed.readUInt32LE(68)];
  if ((flags & 0xff) !== 0) throw cannot(what, `it has version ${flags & 0xff} of the format, and only 0 is known`);
  if (((flags >> 16) & 0xff) !== 0) throw cannot(what, 'it is compressed, which is not read here', { hint: 'build it from source' });
  const dataAt = headerBytes + count * entryBytes;
  if (dataAt > bytes.length) throw bad('it is cut off in its list of files');
  const list = bytes.subarray(headerBytes, dataAt);
  if (!signed.subarray(32, 64).equals(Buffer.from(blake3(list)))) throw bad('its list of files is damaged');
  const seen = new Map<string, 'entry' | 'folder'>();
  return Array.from({ length: count }, (_, index) => {
    const entry = list.subarray(index * entryBytes, (index + 1) * entryBytes);
    const [offset, size] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
    const mode = entry.readUInt32LE(48);
    const name = entry.subarray(52, entryBytes);
    const path = name.subarray(0, name.includes(0) ? name.indexOf(0) : name.length).toString();
    if (!name.includes(0) || mayHaveLostBytes(path)) throw bad(`its path "${path}" is too long or no text`);
    if (!isInside(path)) throw bad(`its path "${path}" leads out of it`);
    if (seen.has(path)) throw bad(`its path "${path}" is there twice`);
    seen.set(path, 'entry');
    // Nothing may be written through a link, whichever of the two comes first.
    for (const folder of foldersOf(path)) {
      if (seen.get(folder) === 'entry') throw bad(`its path "${path}" is below a file or a link`);
      seen.set(folder, 'folder');
    }
    const kind = mode & kindMask;
    if (kind !== fileKind && kind !== linkKind) throw bad(`"${path}" is neither a file nor a link`);
    if (offset + size > bytes.length - dataAt) throw bad(`"${path}" is cut off`);
    const content = bytes.subarray(dataAt + offset, dataAt + offset + size);
    if (content.length !== size || !entry.subarray(0, 32).equals(Buffer.from(blake3(content)))) throw bad(`"${path}" is damaged`);
    const isLink = kind === linkKind;
    if (isLink && (size === 0 || size > longestLink || content.includes(0) || mayHaveLostBytes(content.toString()))) {
      throw bad(`the link "${path}" leads to no path`);
    }
    return { path, mode: mode & 0o7777, isLink, content };
  });
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function isInside(path: string): boolean {
  return path !== '' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

async function writeEntry({ path, mode, isLink, content }: PackageEntry, folder: string): Promise<void> {
  const at = join(folder, path);
  await mkdir(dirname(at), { recursive: true });
  if (isLink) await symlink(content.toString(), at);
  else {
    await writeFile(at, content, { flag: 'wx' });
    await chmod(at, mode | 0o600);
  }
}
