// A narinfo, the data of a binary cache about a store path: lines of "Key: value". It is read strictly and
// printed in the order in which Nix prints it. Source: libstore/nar-info.cc. Unknown fields are ignored, as
// in Nix.
import { cannot } from '../../core/errors.ts';
import { parseContentAddress, printContentAddress } from '../store/content-address.ts';
import { isHashAlgorithm, parseNixHash, printNixHash } from '../store/nix-hash.ts';
import type { PathInfo } from '../store/store.ts';
import { isStoreName, storeNameIn } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';

export interface NarInfo extends PathInfo {
  /** Path of the archive, relative to the cache: "nar/<hash>.nar.xz". */
  readonly url: string;
  /** "none", "xz", "bzip2", "zstd", ... */
  readonly compression: string;
  /**
   * Hash of the archive as it is stored, by any algorithm of nix-hash.ts, in base 32. Old caches have neither
   * hash nor size.
   */
  readonly fileHash?: string;
  readonly fileSize?: number;
  /** The last part of a path. It is not used here. */
  readonly deriver?: string;
  /** "<key name>:<base 64>". */
  readonly signatures: readonly string[];
  /**
   * "fixed:r:sha256:<hash>" or "text:sha256:<hash>" (content-address.ts). It is a claim of the cache, which
   * is not checked here.
   */
  readonly contentAddress?: string;
}

const knownFields = new Set('StorePath URL Compression FileHash FileSize NarHash NarSize References Deriver System Sig CA'.split(' '));
const repeatable = new Set(['Sig']);

/** `what` is for the error: 'read "<url>"'. */
export function parseNarInfo(text: string, storeDir: string, what: string): NarInfo {
  const refuse = (why: string): Error => cannot(what, why);
  const fields = fieldsOf(text, refuse);
  const one = (key: string): string | undefined => fields.get(key)?.[0];
  const needed = (key: string): string => {
    const value = one(key);
    if (value === undefined || value === '') throw refuse(`it has no ${key}`);
    return value;
  };
  const [fileHash, fileSize, deriver, contentAddress] = [one('FileHash'), one('FileSize'), one('Deriver'), one('CA')];
  return {
    name: storeNameIn(needed('StorePath'), storeDir),
    url: urlOf(needed('URL'), refuse),
    compression: one('Compression') || 'bzip2',
    ...(fileHash ? { fileHash: fileHashOf(fileHash, refuse) } : {}),
    ...(fileSize ? { fileSize: sizeOf(fileSize, 'FileSize', refuse) } : {}),
    narHash: narHashOf(needed('NarHash'), refuse),
    narSize: sizeOf(needed('NarSize'), 'NarSize', refuse),
    references: referencesOf(one('References') ?? '', refuse),
    ...(deriver ? { deriver } : {}),
    signatures: fields.get('Sig') ?? [],
    ...(contentAddress ? contentAddressOf(contentAddress, refuse) : {}),
  };
}

/** Returns the narinfo of a path whose archive is stored uncompressed. */
export function plainNarInfo({ name, narHash, narSize, references }: PathInfo): NarInfo {
  const url = `nar/${narHash.slice('sha256:'.length)}.nar`;
  return { name, url, compression: 'none', fileHash: narHash, fileSize: narSize, narHash, narSize, references, signatures: [] };
}

export function printNarInfo(info: NarInfo, storeDir: string): string {
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['StorePath', `${storeDir}/${info.name}`],
    ['URL', info.url],
    ['Compression', info.compression],
    ['FileHash', info.fileHash],
    ['FileSize', info.fileSize],
    ['NarHash', info.narHash],
    ['NarSize', info.narSize],
    ['References', info.references.join(' ')],
    ['Deriver', info.deriver],
    ...info.signatures.map((signature) => ['Sig', signature] as const),
    ['CA', info.contentAddress],
  ];
  return rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}\n`])).join('');
}

/** Returns the text that is signed. */
export function fingerprint({ name, narHash, narSize, references }: PathInfo, storeDir: string): string {
  const paths = references.map((reference) => `${storeDir}/${reference}`).join(',');
  return `1;${storeDir}/${name};${narHash};${narSize};${paths}`;
}

/** Returns the fields. Every line has a colon. Only some of the known fields may occur several times. */
function fieldsOf(text: string, refuse: (why: string) => Error): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (colon === -1) throw refuse(`"${line.slice(0, 80)}" is no "Key: value"`);
    const key = line.slice(0, colon);
    if (!knownFields.has(key)) continue;
    if (fields.has(key) && !repeatable.has(key)) throw refuse(`it has two of ${key}`);
    fields.set(key, [...(fields.get(key) ?? []), line.slice(colon + 1).replace(/^ /, '')]);
  }
  return fields;
}

/**
 * The URL is relative to that of the cache. All characters of URLs are accepted, but it may not lead to
 * another folder.
 */
function urlOf(text: string, refuse: (why: string) => Error): string {
  const segments = text.split(/[/?#]/).map((segment) => segment.replaceAll(/%2e/gi, '.'));
  if (/^\/|^[\w+.-]+:\/\/|\/$/.test(text) || segments.includes('..')) throw refuse(`its URL "${text}" is not below the cache`);
  if (/[\0-\x20\x7f\\"<>]/.test(text)) throw refuse(`its URL "${text}" has characters that no URL has`);
  return text;
}

/** Returns the hash in base 32, the form that is signed. Caches may use other bases. */
function narHashOf(text: string, refuse: (why: string) => Error): string {
  const hash = parseNixHash(text);
  if (hash?.algorithm !== 'sha256') throw refuse(`its NarHash "${text}" is not a SHA-256`);
  return printNixHash(hash);
}

function fileHashOf(text: string, refuse: (why: string) => Error): string {
  const hash = parseNixHash(text);
  if (!hash) throw refuse(`its FileHash "${text}" is not a hash`);
  return printNixHash(hash);
}

/** Addresses of later versions of Nix (fixed:git:sha1, blake3) are left out, because they cannot be checked. */
function contentAddressOf(text: string, refuse: (why: string) => Error): { readonly contentAddress?: string } {
  const address = parseContentAddress(text);
  if (address) return { contentAddress: printContentAddress(address) };
  const [, method = '', algorithm = ''] = /^(\w+(?::\w+)?):(\w+)[:-][\w+/=]+$/.exec(text) ?? [];
  const isLater = method !== '' && !(isHashAlgorithm(algorithm) && ['text', 'fixed', 'fixed:r'].includes(method));
  if (!isLater) throw refuse(`its CA "${text}" is not a content address`);
  return {};
}

function sizeOf(text: string, key: string, refuse: (why: string) => Error): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw refuse(`its ${key} "${text}" is not a size`);
}

function referencesOf(text: string, refuse: (why: string) => Error): readonly StoreName[] {
  const names = text.split(' ').filter((word) => word !== '');
  return names
    .map((name) => {
      if (!isStoreName(name)) throw refuse(`it refers to "${name}", which is not a store path`);
      return name;
    })
    .sort();
}
