// Resolves an argument A of `closure.ts size A`: an image by its system and profile, an image's manifest, or
// a store path.
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { publicKey } from '../../nix/binary-cache/signature.ts';
import type { PublicKey } from '../../nix/binary-cache/signature.ts';
import { manifestClosure } from '../../closure/manifest-closure.ts';
import { closureInfos, storeClosure } from '../../nix/store/store.ts';
import type { Store } from '../../nix/store/store.ts';
import { storeFolder } from '../../nix/store/store-folder.ts';
import type { StoreFolder } from '../../nix/store/store-folder.ts';
import { isStoreName } from '../../nix/store/store-path.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import type { Closure } from '../../closure/graph.ts';
import { cannot } from '../../core/errors.ts';
import { importPage, isPagePath } from '../../system/find-page.ts';
import { optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';

const defaultStore = '/nix/store';
export const help = 'see npx zx tasks/closure.ts --help';

export interface NamedClosure {
  /** As the user typed it. */
  readonly name: string;
  readonly closure: Closure;
  /** Present if its nodes are store paths. */
  readonly storeDir?: string;
}

export interface StorePlace {
  readonly store: Store;
  readonly name: StoreName;
}

/** The part of lib/cli/closure/closure-cache-verbs.ts that other verbs use. */
interface CacheReading {
  cacheAt(place: string, task: Task): Promise<Store>;
}

/** Reads the closure of an argument. */
export async function namedClosure(text: string, task: Task): Promise<NamedClosure> {
  const [, word = '', profile] = /^([\w-]+|.+\.ts):([\w-]+)$/.exec(text) ?? [];
  if (profile !== undefined) {
    const out = task.path(task.args.text('out') ?? 'out');
    const system = isPagePath(word) ? (await importPage({ file: task.path(word) })).name : word;
    return { name: text, closure: await manifestClosure(join(out, `${system}-${profile}.json`)) };
  }
  if (text.endsWith('.json') && storeNameOf(text) === undefined) return { name: text, closure: await manifestClosure(task.path(text)) };
  const { store, name } = await storePlace(text, task);
  return { name: text, closure: storeClosure(name, await closureInfos(store, [name], task)), storeDir: store.storeDir };
}

/**
 * Returns the store path in `text` and its store: the binary cache of --from, otherwise a folder as
 * `folderPlace` finds it.
 */
export async function storePlace(text: string, task: Task): Promise<StorePlace> {
  const from = task.args.text('from');
  if (from === undefined) return folderPlace(text, task);
  const name = isStoreName(text) ? text : storeNameOf(task.path(text))?.name;
  if (name === undefined) throw cannot(`find "${text}" in "${from}"`, 'it is not a store path', { blame: 'usage', hint: help });
  const { cacheAt } = await optionalPart<CacheReading>(repository, 'binary-caches', `read the binary cache "${from}"`, ['cacheAt']);
  return { store: await cacheAt(from, task), name };
}

/**
 * Returns the store path in `text`: a path in a store's folder, a file in such a path, a link to one
 * (result), or only the name. --store DIR names the folder with the files of that store if it is another one.
 */
export function folderPlace(text: string, { args, path }: Task): { readonly store: StoreFolder; readonly name: StoreName } {
  const dir = args.text('store');
  if (isStoreName(text)) return { store: openStore(path(dir ?? defaultStore)), name: text };
  const found = storeNameOf(path(text)) ?? storeNameOf(resolved(path(text)));
  if (found) return { store: dir === undefined ? openStore(found.storeDir) : openStore(path(dir), found.storeDir), name: found.name };
  throw cannot(`use "${text}"`, 'it is neither <system>:<profile>, nor the manifest of an image (.json), nor a store path', {
    blame: 'usage',
    hint: help,
  });
}

/** Returns the folder of --to, which a verb writes. */
export function neededFolder({ args }: Task, verb: string): string {
  const to = args.text('to');
  if (to === undefined) throw cannot(verb, 'it needs --to DIR', { blame: 'usage', hint: help });
  return to;
}

/** Returns the keys of --trusted-key. */
export function trustedKeys({ args }: Task): readonly PublicKey[] {
  return args.list('trusted-key').map(publicKey);
}

/** Whether `folderPlace` would find a store path. */
export function isStorePath(text: string, { path }: Task): boolean {
  return isStoreName(text) || storeNameOf(path(text)) !== undefined || storeNameOf(resolved(path(text))) !== undefined;
}

/** Shared by all arguments, so that no folder is read twice. */
const opened = new Map<string, StoreFolder>();

function openStore(dir: string, storeDir?: string): StoreFolder {
  const key = `${dir}\n${storeDir ?? ''}`;
  const store = opened.get(key) ?? storeFolder(dir, storeDir);
  opened.set(key, store);
  return store;
}

/** Returns the first part of a path that is a store path's name, and the folder above it. */
function storeNameOf(path: string): { storeDir: string; name: StoreName } | undefined {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const name = basename(at);
    if (isStoreName(name) && storeNameOf(dirname(at)) === undefined) return { storeDir: dirname(at), name };
  }
  return undefined;
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
