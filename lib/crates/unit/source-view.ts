// What an action may see of sources. An action of the user's own packages sees all of the user's trees (own-trees.ts), and what it reads of them
// is recorded and counts. An action of a package from elsewhere sees that package, which counts as a whole. Both see what their dependencies
// provide while they run: the packages of procedural macros, of the libraries of a build script, and of scripts that name files to link.
import type { ActionRecord, OwnView } from '../../actions/action.ts';
import { allOf, digestOfTree, isBelow, repositoryOf } from '../../actions/place.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { programMounts } from '../toolchain/host-program.ts';
import { isWithin, ownMounts, ownPlace, ownPlaces } from './own-trees.ts';
import { ownText } from './own-text.ts';
import { places } from './places.ts';
import type { PlannedUnit } from '../plan/planned-unit.ts';

type Mounts = Readonly<Record<string, string>>;

export interface SourceView {
  readonly mounts: Mounts;
  readonly trees: ActionRecord['trees'];
  readonly files: ActionRecord['files'];
  /** Present for the user's own packages. */
  readonly own?: OwnView;
  /** Packages of the user's that a package from elsewhere sees: they count as a whole, as inputs that its run turns out to have. */
  readonly wholes: readonly string[];
}

/** What an action of the unit may see. `companions` are units of packages that its dependencies bring into view. */
export async function sourceView(
  planned: PlannedUnit,
  companions: readonly PlannedUnit[],
  home: string | undefined,
  cache: Cache,
): Promise<SourceView> {
  const foreign = companions.filter(({ place }) => place.immutable);
  const users = planned.place.immutable ? companions.filter(({ place }) => !place.immutable) : [];
  const mounts: Record<string, string> = { ...mountsOf(planned) };
  for (const { place } of foreign) mounts[place.mount] = place.hostDir;
  for (const { place, owner } of users) mounts[place.dir] = owner.dir;
  const granted = grantedView(planned, mounts);
  const trees = await Promise.all([planned, ...foreign].map((unit) => treesOf(unit, cache)));
  return {
    mounts: granted.mounts,
    trees: Object.assign({}, ...trees),
    files: granted.files,
    wholes: [...new Set(users.map(({ place }) => repositoryOf(place.dir)))],
    ...(planned.place.immutable ? {} : { own: ownView(planned, home) }),
  };
}

function ownView(planned: PlannedUnit, home: string | undefined): OwnView {
  const { trees, owner, configEnv } = planned;
  let text: string | undefined;
  return {
    counted: Object.keys(treeMounts(planned)),
    around: ownMounts(trees),
    mayWrite: [],
    home,
    named: Object.values(configEnv).filter((value) => isBelow(value, [ownPlaces])),
    spelled: () => (text ??= ownText(owner.dir, trees.roots)), // a script may declare a hundred thousand paths
  };
}

/** What every action of a package has mounted: its toolchain, its source, its target specification. */
export function mountsOf(planned: PlannedUnit): Mounts {
  const { place, toolchain, targetFile, target, linkerProgram, wrappers } = planned;
  return {
    ...programMounts([linkerProgram, wrappers.all, wrappers.members]),
    [places.toolchain]: toolchain.sysroot,
    ...(place.immutable ? { [place.mount]: place.hostDir } : treeMounts(planned)),
    ...(targetFile && target !== undefined ? { [target]: targetFile.path } : {}),
  };
}

function treeMounts({ trees }: PlannedUnit): Mounts {
  const roots = trees.roots.map((path) => [ownPlace(trees, path) ?? path, path] as const);
  return { ...Object.fromEntries(roots), ...Object.fromEntries(trees.gitFolders.map((path) => [path, path])) };
}

/** Where the places of a unit are on the host, also those that its actions are not shown. */
export function pathsOfUnit(planned: PlannedUnit): Mounts {
  return { ...ownMounts(planned.trees), ...mountsOf(planned) };
}

/** Immutable sources count as a whole; of the user's own, what was read counts. The standard library's digest is known already. */
export async function treesOf({ place, rustSrc }: PlannedUnit, cache: Cache): Promise<ActionRecord['trees']> {
  if (!place.immutable) return {};
  if (place.mount === places.library && rustSrc) return { [place.mount]: rustSrc.digest };
  return { [place.mount]: await digestOfTree(place.hostDir, cache) };
}

/** Granted paths are at their path of the host, and for the user's own packages also at their place beside or within the user's folders. */
function grantedView(
  { granted, place, trees }: PlannedUnit,
  mounts: Mounts,
): { readonly mounts: Mounts; readonly files: ActionRecord['files'] } {
  const more: Record<string, string> = { ...mounts };
  const files: Record<string, Digest | null> = {};
  for (const [path, digest] of Object.entries(granted?.paths ?? {})) {
    const mount = Object.entries(mounts).find(([, hostDir]) => isWithin(path, hostDir));
    const own = mount ? mount[0] + path.slice(mount[1].length) : place.immutable ? undefined : ownPlace(trees, path);
    if (!mount) for (const shown of [path, own]) if (shown !== undefined) more[shown] = path;
    files[allOf(own ?? path)] = digest;
  }
  return { mounts: more, files };
}
