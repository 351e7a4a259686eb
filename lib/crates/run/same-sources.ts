// Whether sources are still what units were made from.
import { digestOfPlace } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import type { SourceFiles } from './deep-key.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { pathsOfUnit } from '../unit/source-view.ts';

/** Has everything that was made in this build the sources that it was made from still? Looks at them, so that they are among what was looked at. */
export async function sameSources(made: ReadonlyMap<PlannedUnit, SourceFiles | undefined>, cache: Cache): Promise<boolean> {
  for (const [unit, files] of made) {
    if (!files) return false; // they changed while it was made
    const mounts = pathsOfUnit(unit);
    for (const [place, digest] of Object.entries(files)) if ((await digestOfPlace(place, mounts, cache)) !== digest) return false;
  }
  return true;
}
