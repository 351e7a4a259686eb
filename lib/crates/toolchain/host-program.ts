// A program of the host that cargo's configuration names for rustc: a linker, a wrapper. In the sandbox it has one place for all packages, and
// what it is counts by content.
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hostPlaces } from '../../actions/sandbox/sandbox.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { placeOfHostPath } from '../cargo/cargo-config.ts';
import type { ConfigPath } from '../cargo/cargo-config.ts';
import type { OwnTrees } from '../unit/own-trees.ts';

export interface HostProgram {
  /** How it is named in the sandbox: an absolute path, or a name that is looked for in PATH. */
  readonly word: string;
  /** Its file on the host; undefined where there is none. */
  readonly path: string | undefined;
  readonly digest: Digest | undefined;
}

/** Programs that are started in front of rustc, the first one outermost. */
export interface Wrappers {
  readonly all: HostProgram | undefined;
  readonly members: HostProgram | undefined;
}

/** What rustc is started by. */
export function wrapperWords({ all, members }: Wrappers): readonly string[] {
  return [all, members].flatMap((program) => program?.word ?? []);
}

/** What a build script is told of wrappers. */
export function wrapperEnv({ all, members }: Wrappers): Readonly<Record<string, string>> {
  return { ...(all ? { RUSTC_WRAPPER: all.word } : {}), ...(members ? { RUSTC_WORKSPACE_WRAPPER: members.word } : {}) };
}

/** Where actions look for programs: what lib/core/sh.ts gives a process without PATH. */
const actionPath = ['/usr/bin', '/bin'];

export async function hostProgram(named: ConfigPath, trees: OwnTrees, { digests }: Pick<Cache, 'digests'>): Promise<HostProgram> {
  const path = typeof named === 'string' ? named : named.file;
  if (path.startsWith('/')) {
    const word = placeOfHostPath(path, trees);
    // What is no program is not shown: a configuration that names a private key gets nothing by it.
    if (!(await isProgram(path))) return { word, path: undefined, digest: undefined };
    const digest = await digests.file(path);
    return { word, path: digest === undefined ? undefined : path, digest };
  }
  for (const candidate of actionPath.map((folder) => join(folder, path))) {
    const digest = await digests.file(candidate);
    if (digest !== undefined) return { word: path, path: candidate, digest };
  }
  return { word: path, path: undefined, digest: undefined };
}

async function isProgram(path: string): Promise<boolean> {
  const about = await stat(path).catch(() => undefined);
  return about !== undefined && about.isFile() && (about.mode & 0o111) !== 0;
}

/** Mounts for programs that the sandbox would not show: place -> path of the host. */
export function programMounts(programs: readonly (HostProgram | undefined)[]): Readonly<Record<string, string>> {
  const shown = (path: string): boolean => hostPlaces.some((folder) => path.startsWith(`${folder}/`));
  return Object.fromEntries(
    programs.flatMap((program) =>
      program?.path !== undefined && program.word.startsWith('/') && !shown(program.word) ? [[program.word, program.path]] : [],
    ),
  );
}

/** Whether a wrapper only keeps results: then it is left out, since results are kept here. */
export function isCompilerCache(named: ConfigPath): boolean {
  const path = typeof named === 'string' ? named : named.file;
  return ['sccache', 'kache', 'cachepot', 'ccache', 'zccache', 'mbx'].includes(basename(path).replace(/\.exe$/, ''));
}
