// Which sources an action may see. rustc sees the mount of its package as a whole (the workspace): its dep-info names what it read. A
// build script tells only what it wants to, so it sees its own package and those that its manifest declares to it, and these count as a whole:
//   - packages that its script depends on (openssl-src carries the C sources that the script of openssl-sys compiles),
//   - packages whose script told it something (DEP_ROOT may name a folder of their sources).
// Any other folder of the workspace is hidden until the script declares it with rerun-if-changed: then it is counted, and the script is run
// again with it in view (lib/build/declared.ts). A script that reads first and declares later fails where the file is needed for both; then
// the person decides with --allow. Without a sandbox nothing can be hidden.
import type { ActionRecord } from '../build/action.ts';
import type { Cache } from '../cache/cache.ts';
import type { Digest } from '../core/digest.ts';
import { programMounts } from './host-program.ts';
import { places } from './places.ts';
import type { PlannedUnit } from './plan.ts';

type Mounts = Readonly<Record<string, string>>;

export interface SourceView {
  readonly mounts: Mounts;
  /** Places of the mounts that the sandbox shows; absent: all. */
  readonly shown?: readonly string[];
  readonly trees: ActionRecord['trees'];
  readonly files: ActionRecord['files'];
}

/** What the compilation of a unit may see. */
export async function rustcView(planned: PlannedUnit, cache: Cache): Promise<SourceView> {
  const granted = grantedView(planned, mountsOf(planned));
  return { mounts: granted.mounts, trees: await treesOf(planned, cache), files: granted.files };
}

/** What the run of a build script may see. `companions` are units of the packages that were declared to it. */
export async function scriptView(
  planned: PlannedUnit,
  companions: readonly PlannedUnit[],
  sandbox: ActionRecord['sandbox'],
  cache: Cache,
): Promise<SourceView> {
  const own = mountsOf(planned);
  const around: Mounts = Object.assign({}, ...companions.map(({ place }) => ({ [place.mount]: place.hostDir })), own);
  const granted = grantedView(planned, around);
  const trees = await Promise.all([planned, ...companions].map((unit) => treesOf(unit, cache)));
  const folders = [planned, ...companions].map(({ place }) => (place.immutable ? place.mount : place.dir));
  const hosts = Object.keys(own).filter((place) => place !== planned.place.mount);
  return {
    mounts: granted.mounts,
    ...(sandbox === 'none' ? {} : { shown: [...new Set([...folders, ...hosts, ...Object.keys(granted.files)])] }),
    trees: Object.assign({}, ...trees),
    files: granted.files,
  };
}

/** Packages that may change, as inputs that a script's run turns out to have. */
export function wholeFolders(companions: readonly PlannedUnit[]): readonly string[] {
  return companions.flatMap(({ place }) => (place.immutable ? [] : [`${place.dir}/`]));
}

/** What every action of a package has mounted: its toolchain, its source, its target specification. */
export function mountsOf({ place, toolchain, targetFile, target, linkerProgram, wrappers }: PlannedUnit): Mounts {
  return {
    ...programMounts([linkerProgram, wrappers.all, wrappers.members]),
    [places.toolchain]: toolchain.sysroot,
    [place.mount]: place.hostDir,
    ...(targetFile && target !== undefined ? { [target]: targetFile.path } : {}),
  };
}

/** Immutable sources count as a whole; of the user's own, what was read counts. The standard library's digest is known already. */
export async function treesOf({ place, rustSrc }: PlannedUnit, cache: Cache): Promise<ActionRecord['trees']> {
  if (!place.immutable) return {};
  if (place.mount === places.library && rustSrc) return { [place.mount]: rustSrc.digest };
  return { [place.mount]: await cache.digests.tree(place.hostDir) };
}

/** Granted paths lie where they lie on the host, or at their place within what is mounted. */
function grantedView({ granted }: PlannedUnit, mounts: Mounts): { readonly mounts: Mounts; readonly files: ActionRecord['files'] } {
  const more: Record<string, string> = { ...mounts };
  const files: Record<string, Digest | null> = {};
  for (const [path, digest] of Object.entries(granted?.paths ?? {})) {
    const mount = Object.entries(mounts).find(([, hostDir]) => path === hostDir || path.startsWith(`${hostDir}/`));
    const place = mount ? mount[0] + path.slice(mount[1].length) : path;
    if (!mount) more[place] = path;
    files[place] = digest;
  }
  return { mounts: more, files };
}
