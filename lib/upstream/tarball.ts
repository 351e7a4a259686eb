// Archives of sources: downloaded by curl(1), which resumes a partial download, verified by digest, and
// unpacked by tar(1) to a folder of the cache that is named after the archive's digest.
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blake3 } from '@noble/hashes/blake3.js';
import { markUsed } from '../cache/derived.ts';
import { digestBytes, digestFile } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf, run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { networkEnv, mirrored } from './download.ts';
import type { DownloadHost } from './download.ts';
import type { LockedTar, TarSource } from './lock.ts';

export interface TarRequest {
  readonly name: string;
  readonly source: TarSource;
  /** Absent before the first download. */
  readonly locked?: LockedTar | undefined;
  readonly cacheDir: string;
  readonly host: DownloadHost;
}

/** Returns the folder of an archive's files, which need not exist. */
export function tarFolder(cacheDir: string, sha256: string): string {
  return join(cacheDir, 'upstream', `tar-${sha256}`);
}

/** Fetches an archive unless its files are in the cache. Throws a Failure if its bytes are not those of the lock or of the recipe. */
export async function fetchTar(request: TarRequest, context: Context): Promise<LockedTar> {
  const { name, source, locked, cacheDir } = request;
  if (locked && existsSync(tarFolder(cacheDir, locked.sha256))) {
    await markUsed(tarFolder(cacheDir, locked.sha256));
    return locked;
  }
  const archive = join(cacheDir, 'upstream', `download-${digestBytes(Buffer.from(source.tar)).slice(0, 24)}`);
  try {
    await mkdir(join(cacheDir, 'upstream'), { recursive: true });
    await download(request, archive, context);
    const found = { name, tar: source.tar, sha256: await digestFile(archive), sizeBytes: (await stat(archive)).size };
    await verify(request, archive, found);
    await unpack(name, archive, tarFolder(cacheDir, found.sha256), request, context);
    await rm(archive, { force: true });
    await markUsed(tarFolder(cacheDir, found.sha256));
    return found;
  } catch (error) {
    throw cannotBecause(`write to "${archive}"`, error);
  }
}

async function download({ name, source, host }: TarRequest, to: string, { signal, report }: Context): Promise<void> {
  const url = mirrored(source.tar, host.mirrors);
  const what = `fetch ${name}`;
  if (!/^(?:https?|file):\/\/[^\s]+$/.test(url)) throw cannot(what, `"${url}" is not an address of an archive`);
  const curl = await tool('curl', pathOf(host.env));
  const words = ['--fail', '--location', '--silent', '--show-error', '--proto', '=https,http,file', '--proto-redir', '=https,http'];
  const again = ['--retry', '2', '--retry-connrefused', '--speed-limit', '1000', '--speed-time', '60', '--continue-at', '-'];
  report({ kind: 'progress', phase: `fetching ${name}`, done: 0, total: 0 });
  const argv = [curl, '--disable', ...words, ...again, '--output', to, '--url', url];
  const env = { PATH: pathOf(host.env), ...networkEnv(host.env) };
  const { exitCode, stderr } = await run(argv, { cwd: '/', env, signal });
  signal.throwIfAborted();
  // 33: the server cannot resume an interrupted download. 416: nothing is missing.
  if (exitCode === 0 || /error: 416/.test(stderr)) return;
  if (exitCode === 33) {
    await rm(to, { force: true });
    return await download({ name, source, host, cacheDir: '' }, to, { signal, report });
  }
  if (exitCode === 22 || exitCode === 37) throw cannot(what, `the server does not have ${source.tar}`, { detail: stderr.trim() });
  const hint = 'check the network, or name a copy with --mirror FROM=TO; fetched sources are kept';
  throw cannot(what, 'its server cannot be reached', { blame: 'host', detail: stderr.trim(), hint });
}

/** A wrong archive is removed, so that the next call downloads it again. */
async function verify({ name, source, locked }: TarRequest, archive: string, found: LockedTar): Promise<void> {
  const what = `use the archive of ${name}`;
  if (locked && locked.sha256 !== found.sha256) {
    await rm(archive);
    const why = `its SHA-256 is ${found.sha256}, and sources.lock has ${locked.sha256}`;
    throw cannot(what, why, { hint: `if upstream replaced it for a reason that you know, --update ${name} locks the new one` });
  }
  if (source.blake3 === undefined) return;
  const hash = blake3.create();
  for await (const chunk of createReadStream(archive)) hash.update(chunk);
  const digest = Buffer.from(hash.digest()).toString('hex');
  if (digest === source.blake3) return;
  await rm(archive);
  throw cannot(what, `its BLAKE3 digest is ${digest}, and the recipe has ${source.blake3}`);
}

/** tar refuses absolute paths and paths out of the folder. */
async function unpack(name: string, archive: string, folder: string, { host }: TarRequest, { signal }: Context): Promise<void> {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await mkdir(partial, { recursive: true });
    const words = ['--extract', '--no-same-owner', '--file', archive, '--directory', partial];
    const env = { PATH: pathOf(host.env), LC_ALL: 'C' };
    await outputOf(`unpack the archive of ${name}`, [await tool('tar', env.PATH), ...words], { cwd: '/', env, signal });
    const [only, other] = await readdir(partial);
    const top = only !== undefined && other === undefined ? join(partial, only) : partial;
    await rename((await absentAsUndefined(stat(top)))?.isDirectory() ? top : partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
