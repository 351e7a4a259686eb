// What a person means by A in `closure.ts size A`: an image by its system and profile, an image's manifest, or a store path.
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { manifestClosure } from '../closure/manifest-closure.ts';
import { closureInfos, storeClosure } from '../closure/store.ts';
import { storeFolder } from '../closure/store-folder.ts';
import type { StoreFolder } from '../closure/store-folder.ts';
import { isStoreName } from '../closure/store-path.ts';
import type { StoreName } from '../closure/store-path.ts';
import type { Closure } from '../closure/graph.ts';
import { cannot } from '../core/errors.ts';
import type { Task } from './task.ts';

const defaultStore = '/nix/store';

export interface NamedClosure {
  /** As it was typed. */
  readonly name: string;
  readonly closure: Closure;
  /** Where its nodes are store paths. */
  readonly storeDir?: string;
}

export interface StorePlace {
  readonly store: StoreFolder;
  readonly name: StoreName;
}

/** Reads the closure that is meant. */
export async function namedClosure(text: string, task: Task): Promise<NamedClosure> {
  const image = /^([\w-]+):([\w-]+)$/.exec(text);
  if (image) {
    const out = task.path(task.args.text('out') ?? 'out');
    return { name: text, closure: await manifestClosure(join(out, `${image[1]}-${image[2]}.json`)) };
  }
  if (text.endsWith('.json') && storeNameOf(text) === undefined) return { name: text, closure: await manifestClosure(task.path(text)) };
  const { store, name } = storePlace(text, task);
  return { name: text, closure: storeClosure(name, await closureInfos(store, [name], task)), storeDir: store.storeDir };
}

/**
 * The store path in `text`: a path in a store's folder, what lies in one, a link to one (result), or the bare name. --store DIR says where the
 * files of that store lie, where that is elsewhere.
 */
export function storePlace(text: string, { args, path }: Task): StorePlace {
  const dir = args.text('store');
  if (isStoreName(text)) return { store: openStore(path(dir ?? defaultStore)), name: text };
  const found = storeNameOf(path(text)) ?? storeNameOf(resolved(path(text)));
  if (found) return { store: openStore(dir === undefined ? found.storeDir : path(dir), found.storeDir), name: found.name };
  throw cannot(`use "${text}"`, 'it is neither <system>:<profile>, nor the manifest of an image (.json), nor a store path', {
    blame: 'usage',
    hint: 'see npx zx tasks/closure.ts --help',
  });
}

/** One for all arguments, so that nothing is read twice. */
const opened = new Map<string, StoreFolder>();

function openStore(dir: string, storeDir = dir): StoreFolder {
  const key = `${dir}\n${storeDir}`;
  const store = opened.get(key) ?? storeFolder(dir, storeDir);
  opened.set(key, store);
  return store;
}

/** The first part of a path that is a store path's name, and the folder above it. */
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
