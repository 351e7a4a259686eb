// Checks whether a store path is named by its content. Such a path needs no signature, because no other
// content has its name. The CA field of a narinfo has the hash from which the name was computed. Source:
// libstore/content-address.cc, libstore/store-api.cc.
import { lstatSync } from 'node:fs';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { moduloHash } from './hash-parts.ts';
import { narOf } from '../nar/writer.ts';
import { hashAlgorithms, hasher, hashesOfFile, parseNixHash, printNixHash } from './nix-hash.ts';
import type { HashAlgorithm, NixHash } from './nix-hash.ts';
import { fixedPath, plainName, sourcePath, textPathOf } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export interface ContentAddress {
  /**
   * The hashed data. "nar": the NAR, with zeros for the path's own hash part. "flat": the bytes of a file.
   * "text": the bytes of a file that Nix wrote, which may have references.
   */
  readonly method: 'nar' | 'flat' | 'text';
  readonly hash: NixHash;
}

/** A path in a store, and where its files are. */
export interface AddressedPath {
  readonly path: string;
  readonly name: StoreName;
  readonly storeDir: string;
  readonly references: readonly StoreName[];
}

const prefixes = { nar: 'fixed:r:', flat: 'fixed:', text: 'text:' } as const;

/**
 * Parses "fixed:r:sha256:<hash>", "fixed:sha1:<hash>" or "text:sha256:<hash>". Returns undefined for any
 * other text and for undefined.
 */
export function parseContentAddress(text: string | undefined): ContentAddress | undefined {
  if (text === undefined) return undefined;
  const method = (['nar', 'flat', 'text'] as const).find((each) => text.startsWith(prefixes[each]));
  const hash = method && parseNixHash(text.slice(prefixes[method].length));
  return method && hash && { method, hash };
}

export function printContentAddress({ method, hash }: ContentAddress): string {
  return `${prefixes[method]}${printNixHash(hash)}`;
}

/** Whether a path with this address has this name. The content is not read. */
export function givesName(address: ContentAddress, { name, storeDir, references }: Omit<AddressedPath, 'path'>): boolean {
  const { method, hash } = address;
  const others = references.filter((reference) => reference !== name);
  const self = others.length < references.length;
  if (method === 'nar' && hash.algorithm === 'sha256') return sourcePath(storeDir, plainName(name), hash.hex, { others, self }) === name;
  if (method === 'text') return hash.algorithm === 'sha256' && textPathOf(storeDir, plainName(name), hash.hex, references) === name;
  // References are not part of such a name, so a path with references cannot be checked by it.
  return references.length === 0 && fixedPath(storeDir, plainName(name), method === 'nar' ? 'r:' : '', hash.algorithm, hash.hex) === name;
}

/** Whether the content of the path has the hash of the address. */
export async function hasContent({ path, name }: AddressedPath, { method, hash }: ContentAddress, context: Context): Promise<boolean> {
  const hashes =
    method === 'nar' ? await narHashes(path, name, [hash.algorithm], context) : await fileHashes(path, [hash.algorithm], context);
  return hashes.some(({ hex }) => hex === hash.hex);
}

/** Returns the address of a path's content, or undefined if the path is not named by its content. */
export async function contentAddress(addressed: AddressedPath, context: Context): Promise<ContentAddress | undefined> {
  const { path, name, references } = addressed;
  const algorithms = references.length === 0 ? hashAlgorithms : (['sha256'] as const);
  const byNar = (await narHashes(path, name, algorithms, context)).map((hash) => ({ method: 'nar', hash }) as const);
  const found = byNar.find((address) => givesName(address, addressed));
  if (found) return found;
  const byFile = await fileHashes(path, algorithms, context);
  const addresses = byFile.flatMap((hash) => [{ method: 'text', hash } as const, { method: 'flat', hash } as const]);
  return addresses.find((address) => givesName(address, addressed));
}

/**
 * Returns hashes of the NAR. Only with SHA-256, a path can contain its own hash part, which then counts as
 * zeros.
 */
async function narHashes(
  path: string,
  name: StoreName,
  algorithms: readonly HashAlgorithm[],
  context: Context,
): Promise<readonly NixHash[]> {
  const modulo = moduloHash(name);
  const hashes = algorithms.filter((algorithm) => algorithm !== 'sha256').map((algorithm) => ({ algorithm, hash: hasher(algorithm) }));
  const turn = pace(context);
  for (const chunk of narOf(path)) {
    if (hashes.length < algorithms.length) modulo.update(chunk);
    for (const { hash } of hashes) hash.update(chunk);
    await turn(chunk.length);
  }
  const others = hashes.map(({ algorithm, hash }) => ({ algorithm, hex: hash.digest('hex') }));
  return hashes.length < algorithms.length ? [{ algorithm: 'sha256', hex: modulo.finish().hash }, ...others] : others;
}

/** Returns hashes of the bytes of a file. The list is empty for a folder or a link. */
async function fileHashes(path: string, algorithms: readonly HashAlgorithm[], context: Context): Promise<readonly NixHash[]> {
  return lstatSync(path).isFile() ? await hashesOfFile(path, algorithms, context) : [];
}
