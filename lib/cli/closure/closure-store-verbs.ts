// The verbs of tasks/closure.ts that read or write whole stores: hash, replace, copy, cache, verify.
import { lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeBinaryCache } from '../../nix/binary-cache/cache-writer.ts';
import { copyClosure } from '../../nix/binary-cache/copy-closure.ts';
import { summaryOf } from '../../nix/nar/summary.ts';
import { narOf } from '../../nix/nar/writer.ts';
import { replaceDependencies } from '../../nix/rewrite/replace-dependencies.ts';
import type { Replacement } from '../../nix/rewrite/replacement-plan.ts';
import { publicKey, secretKey } from '../../nix/binary-cache/signature.ts';
import type { PublicKey } from '../../nix/binary-cache/signature.ts';
import { storeFolder } from '../../nix/store/store-folder.ts';
import type { StoreFolder } from '../../nix/store/store-folder.ts';
import { isStoreName } from '../../nix/store/store-path.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import { closureInfos } from '../../nix/store/store.ts';
import { verifyPaths } from '../../nix/store/verify-store.ts';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause, exitCodes } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { cacheAt, folderPlace, isStorePath, storePlace } from './closure-argument.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

const help = 'see npx zx tasks/closure.ts --help';

export async function hash(task: Task, [given = '']: readonly string[]): Promise<Outcome> {
  const path = task.path(given);
  const there = lstatSync(path, { throwIfNoEntry: false });
  const total = there?.isFile() ? there.size : 0;
  let done = 0;
  const progress = (bytes: number): void => {
    done += bytes;
    if (total > 0) task.report({ kind: 'progress', phase: 'hash', done: Math.min(done, total), total });
  };
  const summary = await phase('hash', task.report, () => summaryOf(narOf(path), [], task, progress));
  task.print(`${summary.hash}  ${summary.sizeBytes}`);
  return { json: { path, narHash: summary.hash, narSize: summary.sizeBytes } };
}

export async function replace(task: Task, [given = '']: readonly string[]): Promise<Outcome> {
  const { args, path, print } = task;
  const to = neededFolder(task, 'replace');
  const { store, name } = await storePlace(given, task);
  const replacements: Replacement[] = [];
  for (const pair of args.list('replacement')) {
    const cut = pair.indexOf('=');
    if (cut === -1) throw cannot(`use --replacement "${pair}"`, 'it is not OLD=NEW', { blame: 'usage', hint: help });
    replacements.push({ old: await nameOf(pair.slice(0, cut), task), new: await nameOf(pair.slice(cut + 1), task) });
  }
  if (replacements.length === 0) throw cannot('replace', 'it needs --replacement OLD=NEW', { blame: 'usage', hint: help });
  const cutoffs = await Promise.all(args.list('cutoff').map((cutoff) => nameOf(cutoff, task)));
  const { root, rewritten } = await replaceDependencies(
    store,
    { root: name, replacements, cutoffs, to: path(to), whole: args.has('whole') },
    task,
  );
  for (const { old, info } of rewritten) print(`${old} -> ${info.name}`);
  const newPath = `${store.storeDir}/${root}`;
  print(
    rewritten.length === 0
      ? `nothing had to be rewritten: ${newPath}`
      : `${plural(rewritten.length, 'path')} in ${to}; the root is ${newPath}`,
  );
  const listed = rewritten.map(({ old, info }): Json => ({ old, new: info.name, narHash: info.narHash, bytes: info.narSize }));
  return { json: { path: newPath, at: rewritten.length === 0 ? null : join(path(to), root), rewritten: listed } };
}

export async function copy(task: Task, [from = '', given = '']: readonly string[]): Promise<Outcome> {
  const to = neededFolder(task, 'copy');
  const cache = await cacheAt(from, task);
  const trusted = trustedKeys(task);
  if (trusted.length === 0) task.report({ kind: 'note', text: 'Signatures are not asked for: no --trusted-key is given.' });
  const name = isStoreName(given) ? given : basename(given);
  if (!isStoreName(name)) throw cannot(`copy "${given}"`, 'it is no store path', { blame: 'usage', hint: help });
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

export async function verify(task: Task, [given = '']: readonly string[]): Promise<Outcome> {
  const { store, names } = await meantPaths(given, task);
  const results = await verifyPaths(store, names, trustedKeys(task), task);
  const damaged = results.flatMap((result) => (result.state === 'damaged' ? [{ path: result.name, why: result.why }] : []));
  const unknown = results.flatMap((result) => (result.state === 'not known' ? [result.name] : []));
  for (const { path, why } of damaged) task.print(`damaged ${path}: ${why}`);
  for (const name of unknown) task.print(`not known ${name}: it is not named by its content, and no narinfo is kept of it`);
  task.print(`${plural(results.length, 'path')} read, ${damaged.length} damaged, ${unknown.length} not known`);
  const json = { paths: results.length, damaged, unknown };
  return { exitCode: damaged.length === 0 ? exitCodes.done : exitCodes.failed, json };
}

/** The closure of a path, or all paths of a store's folder. */
async function meantPaths(given: string, task: Task): Promise<{ store: StoreFolder; names: readonly StoreName[] }> {
  if (!isStorePath(given, task)) {
    const store = storeFolder(task.path(given));
    return { store, names: await store.names() };
  }
  const { store, name } = folderPlace(given, task);
  return { store, names: [...(await closureInfos(store, [name], task)).keys()] };
}

function trustedKeys({ args }: Task): readonly PublicKey[] {
  return args.list('trusted-key').map(publicKey);
}

async function nameOf(text: string, task: Task): Promise<StoreName> {
  return (await storePlace(text, task)).name;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: unknown) => {
    throw cannotBecause(`read "${path}"`, error);
  });
}

function neededFolder({ args }: Task, verb: string): string {
  const to = args.text('to');
  if (to === undefined) throw cannot(verb, 'it needs --to DIR', { blame: 'usage', hint: help });
  return to;
}
