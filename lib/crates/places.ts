// Where a package lies in the sandbox: the same place for everybody, whatever the checkout is called. A workspace is at /bloomery/work,
// a package from a registry or another folder at /bloomery/src/NAME-VERSION, the standard library where rustup would put it.
import { relative } from 'node:path';
import { root } from '../build/sandbox.ts';
import type { Package } from './package.ts';

export const places = {
  toolchain: `${root}/rust`,
  work: `${root}/work`,
  sources: `${root}/src`,
  library: `${root}/rust-src/library`,
  deps: `${root}/deps`,
  build: `${root}/build`,
  out: `${root}/out`,
  target: `${root}/target`,
  incremental: `${root}/incremental`,
} as const;

export interface Place {
  /** What is mounted: place and host path of the outermost folder. */
  readonly mount: string;
  readonly hostDir: string;
  /** The package's own folder in the sandbox. */
  readonly dir: string;
  /** The working directory of rustc: the workspace, or the package where it lies outside of one. */
  readonly cwd: string;
  /** What the source is as a whole: a folder that never changes (registry, git, rust-src), or the user's own. */
  readonly immutable: boolean;
  /** For --cap-lints: nobody here will mend its warnings. */
  readonly foreign: boolean;
}

/** The place of a package. `workspaceRoot` and `libraryDir` are absolute folders of the host. */
export function placeOf(owner: Package, isStd: boolean, workspaceRoot: string, libraryDir: string | undefined): Place {
  const foreign = owner.source !== undefined;
  if (isStd && libraryDir !== undefined && !foreign) {
    const dir = `${places.library}/${relative(libraryDir, owner.dir)}`;
    return { mount: places.library, hostDir: libraryDir, dir, cwd: dir, immutable: true, foreign };
  }
  if (owner.source?.startsWith('git+')) {
    const checkout = /^.*\/git\/checkouts\/[^/]+\/[^/]+/.exec(owner.dir)?.[0] ?? owner.dir;
    const mount = `${places.sources}/${checkout === owner.dir ? `${owner.name}-${owner.version}` : checkout.split('/').slice(-2).join('-')}`;
    const dir = mount + owner.dir.slice(checkout.length);
    return { mount, hostDir: checkout, dir, cwd: dir, immutable: true, foreign };
  }
  const inside = relative(workspaceRoot, owner.dir);
  if (!foreign && inside !== '..' && !inside.startsWith('../')) {
    const dir = inside === '' ? places.work : `${places.work}/${inside}`;
    return { mount: places.work, hostDir: workspaceRoot, dir, cwd: places.work, immutable: false, foreign };
  }
  const mount = `${places.sources}/${owner.name}-${owner.version}`;
  return { mount, hostDir: owner.dir, dir: mount, cwd: mount, immutable: foreign, foreign };
}
