// A binary cache as a store: reads its narinfo files, and fetches, unpacks and checks its archives against
// every size and hash in them. Whether a path is trusted is decided in copy-closure.ts.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { unpacked } from '../../core/unpack.ts';
import { hashesOfFile, parseNixHash, printNixHash, toBase32 } from '../store/nix-hash.ts';
import { folderTransport } from './folder-transport.ts';
import { httpTransport } from './http-transport.ts';
import { parseNarInfo } from './narinfo.ts';
import type { NarInfo } from './narinfo.ts';
import type { Nar, Store } from '../store/store.ts';
import { hashPartOf } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';
import { cacheInfoName, parseCacheInfo } from '../store/store-record.ts';
import type { Transport, TransportHost } from './transport.ts';

export interface BinaryCache extends Store {
  readonly url: string;
  info(name: StoreName, context: Context): Promise<NarInfo>;
}

/** Compressed files may be a little larger than plain ones. A file of unknown length may have this much more. */
const slackBytes = 1 << 20;

/** Opens the cache at a folder or URL. A place without nix-cache-info is not a cache. */
export async function openBinaryCache(place: string, host: TransportHost, context: Context): Promise<BinaryCache> {
  const files = transportTo(place, host);
  const what = `use the binary cache "${files.url}"`;
  const text = await files.text(cacheInfoName, context);
  if (text === undefined) throw cannot(what, `it has no ${cacheInfoName}`);
  const storeDir = parseCacheInfo(text, what);
  const infos = new Map<StoreName, NarInfo>();
  const info = async (name: StoreName, lookUp: Context): Promise<NarInfo> => {
    const known = infos.get(name) ?? (await infoOf(files, storeDir, name, lookUp));
    infos.set(name, known);
    return known;
  };
  return {
    url: files.url,
    lookups: 16,

    storeDir,
    info,
    nar: async (name, reading) => await fetchedNar(files, await info(name, reading), host, reading),
  };
}

function transportTo(place: string, host: TransportHost): Transport {
  if (/^https?:/.test(place)) return httpTransport(place, host);
  const folder = place.startsWith('file:') ? fileURLToPath(place) : place;
  if (/^\w+:/.test(folder)) {
    throw cannot(`use the binary cache "${place}"`, 'it is neither a folder nor a URL of file:, http: or https:', { blame: 'usage' });
  }
  return folderTransport(folder, place.replace(/\/+$/, ''));
}

async function infoOf(files: Transport, storeDir: string, name: StoreName, context: Context): Promise<NarInfo> {
  const file = `${hashPartOf(name)}.narinfo`;
  const text = await files.text(file, context);
  if (text === undefined) throw cannot(`find "${name}" in "${files.url}"`, `it has no ${file}`);
  const what = `read "${files.url}/${file}"`;
  const info = parseNarInfo(text, storeDir, what);
  if (info.name !== name) throw cannot(what, `it is about "${info.name}", not "${name}"`);
  return info;
}

async function fetchedNar(files: Transport, info: NarInfo, host: TransportHost, context: Context): Promise<Nar> {
  const folder = await mkdtemp(join(host.tempDir, 'bloomery-nar-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const what = `fetch "${files.url}/${info.url}"`;
  try {
    const path = join(folder, 'archive');
    const size = info.fileSize ?? (info.compression === 'none' ? info.narSize : undefined);
    const expected = size === undefined ? { mostBytes: info.narSize + slackBytes } : { mostBytes: size, exactBytes: size };
    await files.download(info.url, path, expected, context);
    await checkFile(path, info, what, context);
    const plain = await unpacked({ path, compression: info.compression, sizeBytes: info.narSize, what }, host.searchPath, context);
    return { chunks: checked(plain, info, what), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function checkFile(path: string, { fileHash, fileSize }: NarInfo, what: string, context: Context): Promise<void> {
  const { size } = statSync(path);
  if (fileSize !== undefined && size !== fileSize) throw cannot(what, `it has ${size} bytes, not ${fileSize} as in its narinfo`);
  if (fileHash === undefined) return;
  const [found] = await hashesOfFile(path, [parseNixHash(fileHash)?.algorithm ?? 'sha256'], context);
  const hash = found && printNixHash(found);
  if (hash !== fileHash) throw cannot(what, `its hash is ${hash}, not ${fileHash} as in its narinfo`);
}

/** Yields the plain archive in chunks. A wrong hash or size is reported at the end of the archive. */
function* checked(path: string, { narHash, narSize }: NarInfo, what: string): Generator<Buffer, void> {
  const fd = openSync(path, 'r');
  try {
    const { size } = statSync(path);
    if (size !== narSize) throw cannot(what, `it unpacks to ${size} bytes, not to ${narSize} as in its narinfo`);
    const hash = sha256();
    const buffer = Buffer.allocUnsafeSlow(1 << 20);
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) {
      const chunk = buffer.subarray(0, count);
      hash.update(chunk);
      yield chunk;
    }
    const found = `sha256:${toBase32(hash.digest())}`;
    if (found !== narHash) throw cannot(what, `the hash of its content is ${found}, not ${narHash} as in its narinfo`);
  } finally {
    closeSync(fd);
  }
}
