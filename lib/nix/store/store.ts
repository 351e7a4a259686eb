// The interface of every source of store paths, a folder of the host or a binary cache: it returns data about
// a path, and its NAR.
import pLimit from 'p-limit';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { closureOf, nameVersion } from '../../closure/graph.ts';
import type { Closure, ClosureNode } from '../../closure/graph.ts';
import { plainName } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export interface PathInfo {
  readonly name: StoreName;
  /** Hash of the NAR: "sha256:" and 52 characters of base 32. */
  readonly narHash: string;
  readonly narSize: number;
  /** Sorted. Includes the path itself if it refers to itself. */
  readonly references: readonly StoreName[];
}

export interface Store {
  /** The folder in the names of this store's paths: "/nix/store". Its files may be in another folder. */
  readonly storeDir: string;
  /** Greatest number of concurrent look-ups. */
  readonly lookups: number;
  /** Returns data about a path. A missing or unreadable path is a Failure. */
  info(name: StoreName, context: Context): Promise<PathInfo>;
  /**
   * Returns the path's NAR in chunks. Each is valid until the next is requested. Call `dispose` whether it
   * was read or not.
   */
  nar(name: StoreName, context: Context): Promise<Nar>;
}

export interface Nar extends AsyncDisposable {
  readonly chunks: Iterable<Uint8Array>;
}

/** The part of a store that knows its paths. */
interface InfoSource<Info extends PathInfo> extends Pick<Store, 'lookups'> {
  info(name: StoreName, context: Context): Promise<Info>;
}

/** Returns all paths that `roots` reach in the store. */
export async function closureInfos<Info extends PathInfo>(
  store: InfoSource<Info>,
  roots: readonly StoreName[],
  context: Context,
): Promise<ReadonlyMap<StoreName, Info>> {
  const infos = new Map<StoreName, Info>();
  await phase('read references', context.report, async () => {
    const limit = pLimit(store.lookups);
    const wanted = new Set<StoreName>();
    const stop = new AbortController(); // after a failure the other look-ups end too, which may be waiting for a server
    const lookUp = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
    const look = async (names: readonly StoreName[]): Promise<void> => {
      const fresh = names.filter((name) => !wanted.has(name));
      for (const name of fresh) wanted.add(name);
      await Promise.all(
        fresh.map(async (name) => {
          const info = await limit(() => {
            lookUp.signal.throwIfAborted();
            return store.info(name, lookUp);
          });
          infos.set(name, info);
          context.report({ kind: 'progress', phase: 'read references', done: infos.size, total: wanted.size });
          await look(info.references);
        }),
      );
    };
    await look([...new Set(roots)]).finally(() => {
      limit.clearQueue();
      stop.abort();
    });
  });
  return infos;
}

/** Returns the graph for sizes and differences. */
export function storeClosure(root: StoreName, infos: ReadonlyMap<StoreName, PathInfo>): Closure {
  const nodes = [...infos.values()].map(({ name, narSize, references }): ClosureNode => {
    return { id: name, ...nameVersion(plainName(name)), kind: 'store path', bytes: narSize, references };
  });
  return closureOf(root, nodes, `read the closure of "${root}"`);
}
