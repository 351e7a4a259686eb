// The verbs of tasks/closure.ts that copy from a binary cache and write one. This part may be missing in a
// copy of the task.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { Outcome } from '../../core/events.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { openBinaryCache } from '../../nix/binary-cache/binary-cache.ts';
import type { BinaryCache } from '../../nix/binary-cache/binary-cache.ts';
import { writeBinaryCache } from '../../nix/binary-cache/cache-writer.ts';
import { copyClosure } from '../../nix/binary-cache/copy-closure.ts';
import { secretKey } from '../../nix/binary-cache/signature.ts';
import { isStoreName } from '../../nix/store/store-path.ts';
import { closureInfos } from '../../nix/store/store.ts';
import type { Task } from '../task.ts';
import { folderPlace, help, neededFolder, trustedKeys } from './closure-argument.ts';
import { pathOf } from '../../core/paths.ts';

export async function copy(task: Task, [from = '', given = '']: readonly string[]): Promise<Outcome> {
  const to = neededFolder(task, 'copy');
  const cache = await cacheAt(from, task);
  const trusted = trustedKeys(task);
  if (trusted.length === 0) task.report({ kind: 'note', text: 'Signatures are not asked for: no --trusted-key is given.' });
  const name = isStoreName(given) ? given : basename(given);
  if (!isStoreName(name)) throw cannot(`copy "${given}"`, 'it is not a store path', { blame: 'usage', hint: help });
  const { infos, fetched } = await copyClosure(cache, { roots: [name], to: task.path(to), trusted }, task);
  const bytes = [...infos.values()].reduce((sum, { narSize }) => sum + narSize, 0);
  task.print(`${plural(infos.size, 'path')} (${formatBytes(bytes)}) in ${to}, ${fetched.length} of them new`);
  return { json: { path: `${cache.storeDir}/${name}`, at: join(task.path(to), name), paths: infos.size, fetched: fetched.length, bytes } };
}

export async function writeCache(task: Task, [given = '']: readonly string[]): Promise<Outcome> {
  const to = neededFolder(task, 'write a binary cache');
  const { store, name } = folderPlace(given, task);
  const file = task.args.text('secret-key');
  const key = file === undefined ? undefined : secretKey(await textOf(task.path(file)));
  const infos = await closureInfos(store, [name], task);
  const written = await writeBinaryCache(store, { paths: infos.values(), to: task.path(to), key }, task);
  const bytes = written.reduce((sum, { narSize }) => sum + narSize, 0);
  task.print(`${plural(written.length, 'path')} (${formatBytes(bytes)}) in ${to}${key ? `, signed for ${key.publicText}` : ''}`);
  return { json: { cache: task.path(to), paths: written.length, bytes, publicKey: key?.publicText ?? null } };
}

/** One for each place, so that nothing is read twice. */
const caches = new Map<string, Promise<BinaryCache>>();

/** Returns the binary cache at a URL, or in a folder as the user wrote it. */
export async function cacheAt(place: string, task: Task): Promise<BinaryCache> {
  const { host } = task;
  const known = /^\w+:/.test(place) ? place : task.path(place);
  const cache = caches.get(known) ?? openBinaryCache(known, { tempDir: host.env['TMPDIR'] || '/tmp', searchPath: pathOf(host.env) }, task);
  caches.set(known, cache);
  return await cache;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    throw cannotBecause(`read "${path}"`, error);
  });
}
