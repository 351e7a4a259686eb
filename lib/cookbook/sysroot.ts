// A sysroot that is composed of stages: usr/ and links to its folders, as compilers and scripts expect them. A folder of the host can be a stage too.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../actions/action.ts';
import type { Cache } from '../cache/cache.ts';
import { byCodeUnit } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import { merged } from './stages.ts';
import type { Stage } from './stages.ts';

export interface ComposedSysroot {
  /** Files by path in the sysroot. */
  readonly files: Readonly<Record<string, { readonly digest: Digest; readonly executable: boolean }>>;
  readonly layout: Readonly<Record<string, 'folder' | `link ${string}`>>;
}

const usrFolders = ['bin', 'include', 'lib', 'share'];

/** Composes stages. `what` is for the Failure of two stages that install the same path. bin, include, lib and share are links to the folders in usr. */
export function composedSysroot(what: string, stages: readonly Stage[]): ComposedSysroot {
  const files: Record<string, { digest: Digest; executable: boolean }> = {};
  const layout: Record<string, 'folder' | `link ${string}`> = { usr: 'folder' };
  const moved = stages.map(({ name, artifacts }) => ({ name, artifacts: artifacts.map((one) => ({ ...one, path: inUsr(one.path) })) }));
  for (const [path, { artifact }] of merged(moved, what)) {
    if (artifact.kind === 'folder') layout[path] = 'folder';
    else if (artifact.kind === 'link') layout[path] = `link ${artifact.target}`;
    else files[path] = { digest: artifact.digest, executable: artifact.executable };
  }
  for (const name of usrFolders) {
    layout[`usr/${name}`] ??= 'folder';
    layout[name] = `link usr/${name}`;
  }
  return { files, layout };
}

/** Returns the path in a composed sysroot: "usr/lib/libc.a" for "lib/libc.a". */
export function inUsr(path: string): string {
  return usrFolders.some((name) => path.startsWith(`${name}/`)) ? `usr/${path}` : path;
}

/**
 * Returns a folder of the host as a stage and puts its files into the content store. Throws a Failure if it
 * is not a folder, or has no lib.
 */
export async function folderStage(name: string, folder: string, cache: Cache): Promise<Stage> {
  const what = `use the sysroot "${folder}"`;
  const artifacts: Artifact[] = [];
  const visit = async (path: string): Promise<void> => {
    const names = readdirSync(join(folder, path)).sort(byCodeUnit);
    for (const inside of names.map((one) => (path === '' ? one : `${path}/${one}`))) {
      const about = lstatSync(join(folder, inside));
      if (about.isDirectory()) await visit(inside);
      else if (about.isSymbolicLink()) artifacts.push({ kind: 'link', path: inside, target: readlinkSync(join(folder, inside)) });
      else if (about.isFile()) {
        const digest = await storedFile(join(folder, inside), cache);
        artifacts.push({ kind: 'file', path: inside, digest, sizeBytes: about.size, executable: (about.mode & 0o100) !== 0 });
      }
    }
  };
  try {
    await visit('');
  } catch (error) {
    throw cannotBecause(what, error);
  }
  if (artifacts.some(({ path }) => /^(?:usr\/)?lib\//.test(path))) return { name, artifacts };
  throw cannot(what, 'it has neither lib/ nor usr/lib/', { hint: 'name the folder that has lib/libc.a and include/' });
}

/** Stores a file in the content store and returns its digest. */
export async function storedFile(path: string, { digests, content }: Cache): Promise<Digest> {
  const digest = await digests.file(path);
  return digest !== undefined && (await content.has(digest)) ? digest : await content.putBytes(readFileSync(path));
}
