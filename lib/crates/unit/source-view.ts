// The sources that an action may see. An action of the user's own packages sees all of the user's trees
// (places.ts), and the files that it reads are recorded as inputs. An action of an external package sees that
// package, which is an input as a whole. A package of a directory source (cargo vendor) is verified before.
// Both see what their dependencies provide while they run: the packages of procedural macros, of the
// libraries of a build script, and of scripts that name files to link. Both also see the paths that the user
// allows for a package (--allow).
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ActionRecord, OwnView } from '../../actions/action.ts';
import { allOf, digestOfPlace, digestOfTree, isBelow, repositoryOf } from '../../actions/place.ts';
import { hostPlaces } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import { programDigest } from '../../cache/digests/content-digests.ts';
import { isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot, nearest } from '../../core/errors.ts';
import type { Granted, PlannedUnit } from '../plan/planned-unit.ts';
import type { Allowances } from '../compiled.ts';
import { isWithin, ownMounts, ownPlace, ownPlaces, places } from './places.ts';
import type { HostProgram } from './places.ts';

type Mounts = Readonly<Record<string, string>>;

export interface SourceView {
  readonly mounts: Mounts;
  readonly trees: ActionRecord['trees'];
  readonly files: ActionRecord['files'];
  /** Present for the user's own packages. */
  readonly own?: OwnView;
  /**
   * The user's packages that an external package sees. Each is an input as a whole, which is known after the
   * run.
   */
  readonly wholes: readonly string[];
}

/** Returns the view of a unit's action. `companions` are units of packages that its dependencies make visible. */
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

/** Returns the mounts of every action of a package: its toolchain, its source, its target specification. */
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

/** Returns the host paths of a unit's places, including those that its actions do not see. */
export function pathsOfUnit(planned: PlannedUnit): Mounts {
  return { ...ownMounts(planned.trees), ...mountsOf(planned) };
}

/**
 * Immutable sources are inputs as a whole. In the user's own, the files that were read are inputs. The
 * standard library's digest is known already.
 */
export async function treesOf({ place, rustSrc }: PlannedUnit, cache: Cache): Promise<ActionRecord['trees']> {
  if (!place.immutable) return {};
  if (place.mount === places.library && rustSrc) return { [place.mount]: rustSrc.digest };
  return { [place.mount]: await digestOfTree(place.hostDir, cache) };
}

/**
 * Returns mounts for allowed paths: at their path on the host, and for the user's own packages also at their
 * place in or next to the user's folders.
 */
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

/** Returns mounts for programs that the sandbox would not show: place -> path of the host. */
export function programMounts(programs: readonly (HostProgram | undefined)[]): Readonly<Record<string, string>> {
  const shown = (path: string): boolean => hostPlaces.some((folder) => path.startsWith(`${folder}/`));
  return Object.fromEntries(
    programs.flatMap((program) =>
      program?.path !== undefined && program.word.startsWith('/') && !shown(program.word) ? [[program.word, program.path]] : [],
    ),
  );
}

/**
 * Passes the permissions to every unit of a named package. A package that is not in the build and a path that
 * does not exist are usage errors, because such a permission is a mistake.
 */
export async function grant(units: readonly PlannedUnit[], allowances: Allowances, cache: Cache): Promise<readonly PlannedUnit[]> {
  const packages = [...new Set(units.map(({ owner }) => owner.name))];
  const granted = new Map<string, Granted>();
  for (const [name, { network, paths }] of Object.entries(allowances)) {
    if (!packages.includes(name)) {
      const meant = nearest(name, packages);
      const hint = meant === undefined ? 'the names are those of the Cargo.toml files' : `did you mean "${meant}"?`;
      throw cannot(`allow "${name}" anything`, 'there is no package of that name in this build', { blame: 'usage', hint });
    }
    const digests: Record<string, Digest | null> = {};
    for (const path of paths) {
      if (!(await absentAsUndefined(stat(path)))) throw cannot(`allow "${path}" to ${name}`, 'it does not exist', { blame: 'usage' });
      digests[path] = await digestOfPlace(allOf(path), {}, cache);
    }
    granted.set(name, { network, paths: digests });
  }
  if (granted.size === 0) return units;
  return units.map((unit) => {
    const own = granted.get(unit.owner.name);
    return own ? { ...unit, granted: own } : unit;
  });
}

/** Larger files of a package are not searched, and no more files than this number. */
const largestFile = 1 << 18;
const mostFiles = 5000;

/**
 * Returns everything readable in the package's folder, without nested packages and target folders, and
 * cargo's configuration above it in its tree.
 */
export function ownText(packageDir: string, roots: readonly string[]): string {
  const texts: string[] = [];
  const read = (path: string): void => {
    const text = readFileSync(path);
    if (!text.includes(0)) texts.push(text.toString('utf8'));
  };
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (texts.length >= mostFiles) return;
      if (entry.isFile() && statSync(path).size <= largestFile) attempt(() => read(path));
      const nested = entry.name === 'target' || entry.name === '.git' || isPackage(path) || isMade(path);
      if (entry.isDirectory() && !nested) attempt(() => visit(path));
    }
  };
  attempt(() => visit(packageDir));
  for (let folder = packageDir; roots.some((one) => isWithin(folder, one)) && folder !== dirname(folder); folder = dirname(folder)) {
    for (const name of ['config.toml', 'config']) attempt(() => read(join(folder, '.cargo', name)));
    if (folder !== packageDir) attempt(() => read(join(folder, 'Cargo.toml')));
  }
  return texts.join('\n');
}

/**
 * Whether a folder is a target folder with another name, or has files that a compilation wrote (compiled.ts):
 * third-party code may have written their text.
 */
function isMade(folder: string): boolean {
  return statSync(join(folder, 'CACHEDIR.TAG'), { throwIfNoEntry: false }) !== undefined;
}

function isPackage(folder: string): boolean {
  return statSync(join(folder, 'Cargo.toml'), { throwIfNoEntry: false }) !== undefined;
}

/** Runs `act` and ignores errors: unreadable files contain no names. */
function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // unreadable, or gone
  }
}

/**
 * Throws a Failure that names the first file with a wrong checksum. Packages without checksums are accepted.
 * `dir`: the package's absolute path.
 */
export async function verifyVendored(dir: string, label: string, { digests }: Pick<Cache, 'digests'>): Promise<void> {
  const text = await absentAsUndefined(readFile(join(dir, '.cargo-checksum.json'), 'utf8'));
  if (text === undefined) return;
  for (const [path, listed] of Object.entries(listedFiles(text))) {
    const found = await digests.file(join(dir, path));
    if (isDigest(listed) && (found === listed || found === programDigest(listed))) continue;
    throw cannot(`compile ${label}`, `"${join(dir, path)}" ${found === undefined ? 'is missing' : 'was edited'}, and is vendored`, {
      hint: 'the checksums of vendored files are in .cargo-checksum.json; change a copy of the package, and name it in [patch]',
    });
  }
}

function listedFiles(text: string): Readonly<Record<string, unknown>> {
  try {
    const list: unknown = JSON.parse(text);
    return typeof list === 'object' && list !== null && 'files' in list && typeof list.files === 'object' ? { ...list.files } : {};
  } catch {
    return {}; // cargo refuses it while planning
  }
}
