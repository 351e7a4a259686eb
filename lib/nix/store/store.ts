// What every place that has store paths can do, be it a folder of the host or a binary cache: tell what is known of a path, and give its NAR.
import pLimit from 'p-limit';
import { phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { closureOf, nameVersion } from '../../closure/graph.ts';
import type { Closure, ClosureNode } from '../../closure/graph.ts';
import { plainName } from './store-path.ts';
import type { StoreName } from './store-path.ts';

export interface PathInfo {
  readonly name: StoreName;
  /** "sha256:" and 52 characters of base 32, of the NAR. */
  readonly narHash: string;
  readonly narSize: number;
  /** Sorted; itself among them where it refers to itself. */
  readonly references: readonly StoreName[];
}

export interface Store {
  /** The folder that paths of this store name: "/nix/store". Where its files really lie may be elsewhere. */
  readonly storeDir: string;
  /** How many infos may be asked for at once. */
  readonly lookups: number;
  /** A path that is not there, or cannot be read, is a Failure. */
  info(name: StoreName, context: Context): Promise<PathInfo>;
  /** The path's NAR, in chunks of which each is valid until the next is asked for. `dispose` it when read or not. */
  nar(name: StoreName, context: Context): Promise<Nar>;
}

export interface Nar extends AsyncDisposable {
  readonly chunks: Iterable<Uint8Array>;
}

/** The part of a store that knows its paths. */
interface InfoSource<Info extends PathInfo> extends Pick<Store, 'lookups'> {
  info(name: StoreName, context: Context): Promise<Info>;
}

/** All that `roots` reach, as it is in the store. */
export async function closureInfos<Info extends PathInfo>(
  store: InfoSource<Info>,
  roots: readonly StoreName[],
  context: Context,
): Promise<ReadonlyMap<StoreName, Info>> {
  const infos = new Map<StoreName, Info>();
  await phase('read references', context.report, async () => {
    const limit = pLimit(store.lookups);
    const wanted = new Set<StoreName>();
    const stop = new AbortController(); // after one failure the other lookups end too, which may be waiting for a server
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

/** As the graph that sizes and differences are asked of. */
export function storeClosure(root: StoreName, infos: ReadonlyMap<StoreName, PathInfo>): Closure {
  const nodes = [...infos.values()].map(({ name, narSize, references }): ClosureNode => {
    return { id: name, ...nameVersion(plainName(name)), kind: 'store path', bytes: narSize, references };
  });
  return closureOf(root, nodes, `read the closure of "${root}"`);
}
