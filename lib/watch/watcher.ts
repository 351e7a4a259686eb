// Watches the user's folders for changes with inotify (@parcel/watcher). It reports which paths changed,
// without interpreting them.
import { dirname } from 'node:path';
import type * as Parcel from '@parcel/watcher';
import { cannot, Failure } from '../core/errors.ts';
import type { Change } from './news.ts';
import { isIn } from './watch-set.ts';
import type { WatchSet } from './watch-set.ts';

export interface Watch {
  /** Stops watching. No change is reported any more. */
  close(): Promise<void>;
}

/**
 * Starts watching. Resolves when every change from now on is reported, soon after it happened, some more than
 * once. `onLost` is called when watching has failed. Tests pass a fake.
 */
export type Watcher = (set: WatchSet, onChanges: (changes: readonly Change[]) => void, onLost: (error: unknown) => void) => Promise<Watch>;

/**
 * Watches with @parcel/watcher. If a limit of inotify is reached, that is a Failure (host) that names the
 * limit.
 */
export const parcelWatcher: Watcher = async (set, onChanges, onLost) => {
  const parcel = await loadedParcel();
  const subscriptions: { unsubscribe(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(subscriptions.splice(0).map((one) => one.unsubscribe()));
  };
  try {
    for (const { folder, ignore } of subscribed(set)) {
      const hear = (error: Error | null, events: readonly { readonly path: string; readonly type: string }[]): void =>
        error ? onLost(watchFailure(folder, error)) : onChanges(events.map(({ path, type }) => ({ path, created: type === 'create' })));
      const subscription = await parcel.subscribe(folder, hear, { ignore: [...ignore] }).catch((error: unknown) => {
        throw watchFailure(folder, error);
      });
      subscriptions.push(subscription);
    }
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
};

async function loadedParcel(): Promise<Pick<typeof Parcel, 'subscribe'>> {
  try {
    return (await import('@parcel/watcher')).default;
  } catch (error) {
    throw cannot('watch files', 'the package @parcel/watcher has no program for this host', {
      blame: 'host',
      hint: 'npm ci',
      cause: error,
    });
  }
}

/**
 * Returns the trees to watch, none inside another, and folders of which only single files are relevant,
 * without their subfolders.
 */
export function subscribed({
  folders,
  files,
  excluded,
}: WatchSet): readonly { readonly folder: string; readonly ignore: readonly string[] }[] {
  const trees = [...new Set(folders)].filter((one) => !folders.some((other) => other !== one && isIn(one, other)));
  const around = [...new Set(files.map((file) => dirname(file)))].filter((one) => !trees.some((tree) => isIn(one, tree)));
  return [
    ...trees.map((folder) => ({ folder, ignore: ['**/.git', ...excluded.filter((path) => isIn(path, folder) && path !== folder)] })),
    ...around.map((folder) => ({ folder, ignore: ['*/**'] })),
  ];
}

/** Returns the error for a limit of inotify (inotify(7), /proc/sys/fs/inotify). */
export function watchFailure(folder: string, error: unknown): unknown {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  const refused = (why: string, hint: string): Failure => cannot(`watch "${folder}"`, why, { blame: 'host', hint, detail: message });
  if (/No space left on device/i.test(message)) {
    return refused('this host allows no more watched folders', 'sysctl fs.inotify.max_user_watches=1048576 (as root) raises the limit');
  }
  if (/Too many open files/i.test(message)) {
    return refused('this host allows no more watchers', 'sysctl fs.inotify.max_user_instances=1024 (as root) raises the limit');
  }
  return refused('watching has failed', 'press r after a change, or start again');
}
