// What a binary cache says of a store path: lines of "Key: value". Read strictly, printed in the order in which Nix prints them. Source:
// libstore/nar-info.cc; fields that are not known here are passed over, as Nix does.
import { cannot } from '../core/errors.ts';
import { fromBase32, toBase32 } from './base32.ts';
import type { PathInfo } from './store.ts';
import { isStoreName, storeNameIn } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export interface NarInfo extends PathInfo {
  /** Where the archive lies, relative to the cache: "nar/<hash>.nar.xz". */
  readonly url: string;
  /** "none", "xz", "bzip2", "zstd", ... */
  readonly compression: string;
  /** Of the archive as it is stored. Old caches do not tell. */
  readonly fileHash?: string;
  readonly fileSize?: number;
  /** The last part of a path; without meaning here. */
  readonly deriver?: string;
  /** "<key name>:<base 64>". */
  readonly signatures: readonly string[];
  /** "fixed:r:sha256:<hash>" or "text:sha256:<hash>": what its name was computed from, where that is its content. */
  readonly contentAddress?: string;
}

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
  const url = needed('URL');
  if (!/^[\w+.?=-]+(?:\/[\w+.?=-]+)*$/.test(url) || url.split('/').includes('..'))
    throw refuse(`its URL "${url}" does not lie below the cache`);
  const [fileHash, fileSize, deriver, contentAddress] = [one('FileHash'), one('FileSize'), one('Deriver'), one('CA')];
  return {
    name: storeNameIn(needed('StorePath'), storeDir),
    url,
    compression: one('Compression') || 'bzip2',
    ...(fileHash ? { fileHash: hashOf(fileHash, 'FileHash', refuse) } : {}),
    ...(fileSize ? { fileSize: sizeOf(fileSize, 'FileSize', refuse) } : {}),
    narHash: hashOf(needed('NarHash'), 'NarHash', refuse),
    narSize: sizeOf(needed('NarSize'), 'NarSize', refuse),
    references: referencesOf(one('References') ?? '', refuse),
    ...(deriver ? { deriver } : {}),
    signatures: fields.get('Sig') ?? [],
    ...(contentAddress ? { contentAddress } : {}),
  };
}

/** What a cache would say of a path whose archive it has as it is. */
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

/** The text that is signed. */
export function fingerprint({ name, narHash, narSize, references }: PathInfo, storeDir: string): string {
  const paths = references.map((reference) => `${storeDir}/${reference}`).join(',');
  return `1;${storeDir}/${name};${narHash};${narSize};${paths}`;
}

/** Also of nix-cache-info. Every line has a colon, and only some keys may come again. */
export function fieldsOf(text: string, refuse: (why: string) => Error): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, key = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (key === '') throw refuse(`"${line.slice(0, 80)}" is no "Key: value"`);
    if (fields.has(key) && !repeatable.has(key)) throw refuse(`it has two of ${key}`);
    fields.set(key, [...(fields.get(key) ?? []), value]);
  }
  return fields;
}

/** In base 32, as it is signed; caches may have it in base 16 too. */
function hashOf(text: string, key: string, refuse: (why: string) => Error): string {
  const digits = /^sha256:(.*)$/.exec(text)?.[1] ?? '';
  if (/^[0-9a-f]{64}$/.test(digits)) return `sha256:${toBase32(Buffer.from(digits, 'hex'))}`;
  if (digits.length === 52 && fromBase32(digits)) return text;
  throw refuse(`its ${key} "${text}" is no SHA-256`);
}

function sizeOf(text: string, key: string, refuse: (why: string) => Error): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw refuse(`its ${key} "${text}" is no size`);
}

function referencesOf(text: string, refuse: (why: string) => Error): readonly StoreName[] {
  const names = text.split(' ').filter((word) => word !== '');
  return names
    .map((name) => {
      if (!isStoreName(name)) throw refuse(`it refers to "${name}", which is no store path`);
      return name;
    })
    .sort();
}
