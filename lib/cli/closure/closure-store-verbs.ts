// The verbs of tasks/closure.ts that read every byte: hash and verify.
import { lstatSync } from 'node:fs';
import { summaryOf } from '../../nix/nar/summary.ts';
import { narOf } from '../../nix/nar/writer.ts';
import { storeFolder } from '../../nix/store/store-folder.ts';
import type { StoreFolder } from '../../nix/store/store-folder.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import { closureInfos } from '../../nix/store/store.ts';
import { verifyPaths } from '../../nix/store/verify-store.ts';
import { exitCodes } from '../../core/errors.ts';
import { phase } from '../../core/events.ts';
import { plural } from '../../core/sizes.ts';
import { folderPlace, isStorePath, trustedKeys } from './closure-argument.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

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

/** Returns the closure of a path, or all paths of a store's folder. */
async function meantPaths(given: string, task: Task): Promise<{ store: StoreFolder; names: readonly StoreName[] }> {
  if (!isStorePath(given, task)) {
    const store = storeFolder(task.path(given));
    return { store, names: await store.names() };
  }
  const { store, name } = folderPlace(given, task);
  return { store, names: [...(await closureInfos(store, [name], task)).keys()] };
}
