// Where a package lies in the sandbox: the same place on every machine, whatever the checkout is called. The user's own packages keep their
// relative paths (own-trees.ts), a package from a registry is at /bloomery/src/NAME-VERSION, the standard library where rustup would put it.
import { relative } from 'node:path';
import { root } from '../../actions/place.ts';
import { isWithin, ownPlace } from './own-trees.ts';
import type { OwnTrees } from './own-trees.ts';
import type { Package } from '../cargo/package.ts';

export const places = {
  toolchain: `${root}/rust`,
  sources: `${root}/src`,
  library: `${root}/rust-src/library`,
  deps: `${root}/deps`,
  build: `${root}/build`,
  out: `${root}/out`,
  target: `${root}/target`,
  incremental: `${root}/incremental`,
  sysroot: `${root}/sysroot`,
} as const;

export interface Place {
  /** Place and host path of the outermost folder that is the package's: its tree, or the package itself. */
  readonly mount: string;
  readonly hostDir: string;
  /** The package's own folder in the sandbox. */
  readonly dir: string;
  /** The working directory of rustc: the workspace, or the package where it lies outside of one. */
  readonly cwd: string;
  /** What the source is as a whole: a folder that never changes (registry, git, rust-src), or the user's own. */
  readonly immutable: boolean;
  /** In the project's workspace: rustc gets a relative path, so that file!() is what it is with cargo. */
  readonly inWorkspace: boolean;
  /** For --cap-lints: the user does not fix its warnings. */
  readonly foreign: boolean;
}

/** The place of a package. `workspaceRoot` and `libraryDir` are absolute folders of the host. */
export function placeOf(owner: Package, isStd: boolean, workspaceRoot: string, libraryDir: string | undefined, trees: OwnTrees): Place {
  const foreign = owner.source !== undefined;
  const immutable = { immutable: true, inWorkspace: false, foreign };
  if (isStd && libraryDir !== undefined && !foreign) {
    const dir = `${places.library}/${relative(libraryDir, owner.dir)}`;
    return { mount: places.library, hostDir: libraryDir, dir, cwd: dir, ...immutable };
  }
  if (owner.source?.startsWith('git+')) {
    const checkout = /^.*\/git\/checkouts\/[^/]+\/[^/]+/.exec(owner.dir)?.[0] ?? owner.dir;
    const mount = `${places.sources}/${checkout === owner.dir ? `${owner.name}-${owner.version}` : checkout.split('/').slice(-2).join('-')}`;
    const dir = mount + owner.dir.slice(checkout.length);
    return { mount, hostDir: checkout, dir, cwd: dir, ...immutable };
  }
  const hostDir = foreign ? undefined : trees.roots.find((one) => isWithin(owner.dir, one));
  const place = (path: string): string => ownPlace(trees, path) ?? path;
  if (hostDir !== undefined) {
    const inWorkspace = isWithin(owner.dir, workspaceRoot);
    const dir = place(owner.dir);
    const cwd = inWorkspace ? place(workspaceRoot) : dir;
    return { mount: place(hostDir), hostDir, dir, cwd, immutable: false, inWorkspace, foreign };
  }
  const mount = `${places.sources}/${owner.name}-${owner.version}`;
  return { mount, hostDir: owner.dir, dir: mount, cwd: mount, ...immutable };
}
