// Names of store paths, and how Nix computes them from their content. Only computes. The folder of the store
// is an argument, because it is part of every hash. Source: libstore/store-api.cc (makeStorePath and its
// callers), verified against Nix 2.8.0.
import { byCodeUnit, sha256 } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import { base32Alphabet, toBase32 } from './nix-hash.ts';

/** "<32 characters>-<name>": the last part of a store path. */
export type StoreName = string & { readonly __storeName: true };

export const hashPartLength = 32;
const longestName = 211;
const storeName = new RegExp(`^[${base32Alphabet}]{${hashPartLength}}-[0-9a-zA-Z+\\-._?=]{1,${longestName}}$`);

export function isStoreName(text: string): text is StoreName {
  return storeName.test(text);
}

/** Returns the hash part: the first 32 characters. References are found only by it. */
export function hashPartOf(name: StoreName): string {
  return name.slice(0, hashPartLength);
}

/** Returns "busybox-1.36.1" for "<hash>-busybox-1.36.1". */
export function plainName(name: StoreName): string {
  return name.slice(hashPartLength + 1);
}

/**
 * Returns the store name of `path` ("/nix/store/<name>", without a further part) in that store. Any other
 * path is a Failure.
 */
export function storeNameIn(path: string, storeDir: string): StoreName {
  const name = path.startsWith(`${storeDir}/`) ? path.slice(storeDir.length + 1) : '';
  if (!isStoreName(name))
    throw cannot(`use "${path}" as a store path`, `it is not "${storeDir}/" with 32 characters of a hash, "-" and a name`);
  return name;
}

/** References that are part of a path's hash, sorted, and whether the path refers to itself. */
export interface References {
  readonly others: readonly StoreName[];
  readonly self: boolean;
}

export const noReferences: References = { others: [], self: false };

/** Returns the path of a text file that Nix wrote (a .drv, or a file of builtins.toFile). */
export function textPath(storeDir: string, name: string, text: Uint8Array, references: readonly StoreName[]): StoreName {
  return textPathOf(storeDir, name, sha256().update(text).digest('hex'), references);
}

/** Does the same for the SHA-256 of the text, in hex. */
export function textPathOf(storeDir: string, name: string, textSha256: string, references: readonly StoreName[]): StoreName {
  return storePath(storeDir, ['text', ...fullPaths(storeDir, references)].join(':'), textSha256, name);
}

/**
 * Returns the path that is named by the SHA-256 of its NAR: sources, and rewritten paths. With `self`, the
 * hash leaves out the path's own name.
 */
export function sourcePath(storeDir: string, name: string, narSha256: string, { others, self }: References): StoreName {
  return storePath(storeDir, ['source', ...fullPaths(storeDir, others), ...(self ? ['self'] : [])].join(':'), narSha256, name);
}

/**
 * Returns the path of an output whose derivation contains its hash. `method` is "r:" for a hash of the NAR,
 * "" for a hash of a plain file. `hash` is in hex.
 */
export function fixedPath(storeDir: string, name: string, method: 'r:' | '', algorithm: string, hash: string): StoreName {
  if (method === 'r:' && algorithm === 'sha256') return sourcePath(storeDir, name, hash, noReferences);
  return storePath(storeDir, 'output:out', sha256().update(`fixed:out:${method}${algorithm}:${hash}:`).digest('hex'), name);
}

/**
 * Returns the path of an output that is named by how it is built. `name` is that of the derivation, `modulo`
 * the hex of derivation-hash.ts.
 */
export function outputPath(storeDir: string, name: string, output: string, modulo: string): StoreName {
  return storePath(storeDir, `output:${output}`, modulo, output === 'out' ? name : `${name}-${output}`);
}

function storePath(storeDir: string, type: string, innerHex: string, name: string): StoreName {
  const whole = sha256().update(`${type}:sha256:${innerHex}:${storeDir}:${name}`).digest();
  const path = `${toBase32(folded(whole))}-${name}`;
  if (!isStoreName(path)) throw cannot(`name a store path "${name}"`, `a name has 1 to ${longestName} letters, digits and +-._?=`);
  return path;
}

/** Reduces 32 bytes to 20. The further bytes are combined with earlier ones instead of being removed. */
function folded(bytes: Uint8Array): Uint8Array {
  const short = new Uint8Array(20);
  for (const [index, byte] of bytes.entries()) short[index % 20] = (short[index % 20] ?? 0) ^ byte;
  return short;
}

function fullPaths(storeDir: string, names: readonly StoreName[]): readonly string[] {
  return [...names].sort(byCodeUnit).map((name) => `${storeDir}/${name}`);
}
