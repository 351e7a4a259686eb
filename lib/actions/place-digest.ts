// What is at a place now, by its aspect (place.ts), as a digest.
import type { Looks } from '../cache/digests/file-digests.ts';
import { isFolder } from '../core/paths.ts';
import type { Digest } from '../core/digest.ts';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import type { Action } from './action.ts';
import { hostPath, plainPlace } from './place.ts';

/** What is at a place, by its aspect; null where there is nothing. */
export async function digestOfPlace(
  place: string,
  mounts: Action['mounts'],
  { digests }: { readonly digests: Looks },
): Promise<Digest | null> {
  const at = place.indexOf('//');
  const path = hostPath(plainPlace(place), mounts);
  switch (at < 0 ? '' : place.slice(at + 2)) {
    case '':
      return (await digests.file(path)) ?? null;
    case 'names': {
      const names = digests.names(path);
      return names ? digestRecord([...names].sort(byCodeUnit)) : null;
    }
    case 'all':
      return isFolder(path) ? digests.tree(path, { follow: true }) : ((await digests.file(path)) ?? null);
    case 'package':
      return digests.tree(path, { gitignore: true, ignore: ['target', '.git'], nested: false });
    case 'repository':
      return digests.tree(path, { gitignore: true, ignore: ['target', '.git'] });
    default:
      throw new Error(`"${place}" has an unknown aspect`);
  }
}

/** The digest of a source tree that counts as a whole. What git keeps of a checkout is no part of its source. */
export async function digestOfTree(path: string, { digests }: { readonly digests: Looks }): Promise<Digest> {
  return digests.tree(path, { ignore: ['.git'] });
}
