// The workload of the compilation benchmark: a folder with programs and all their dependencies for offline
// use. It is copied, so that the user's files are not changed. Knows how programs are named and selected, but
// not how they are measured.
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import { absentAsUndefined, cannot, nearest } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { outputOf } from '../../core/sh.ts';
import { projectSet } from '../../crates/project.ts';
import type { Project } from '../../crates/project.ts';
import { driverSource, driverWorkspace } from '../projects/driver-workspace.ts';
import type { Files } from '../projects/driver-workspace.ts';

export interface Workload {
  /** The folder that is copied: programs, their vendored dependencies, and cargo's configuration. */
  readonly root: string;
  readonly projects: readonly Project[];
}

/** A project, and the source file that an edit changes. Only the program is compiled from that file. */
export interface EditSubject {
  readonly project: Project;
  readonly file: string;
}

/** A copy of the workload. */
export interface Checkout {
  readonly projects: readonly Project[];
  /** A set file with all projects. */
  readonly setFile: string;
}

/** A project that is built in the release profile without further settings. */
export const plainProject: Project = {
  name: '',
  dir: '',
  packages: [],
  bins: [],
  lib: false,
  features: [],
  defaultFeatures: true,
  profile: 'release',
  triple: undefined,
  buildStd: [],
  buildStdFeatures: [],
  cargoConfigs: [],
  env: {},
};

/**
 * Returns the programs in `root`. They are those of `setFile` (a set file of tasks/crates.ts), else every
 * folder of root/apps or of root that has a Cargo.toml, else root itself. `only` selects some of them. An
 * unknown name is a Failure (usage).
 */
export async function openWorkload(root: string, setFile: string | undefined, only: readonly string[]): Promise<Workload> {
  const all = setFile === undefined ? await projectsBelow(root) : projectSet(await textOf(setFile), setFile, plainProject);
  const outside = all.find(({ dir }) => dir !== root && !dir.startsWith(`${root}/`));
  if (outside) throw cannot(`measure "${outside.name}"`, `it is outside of "${root}", which is copied`, { blame: 'usage' });
  if (all.length === 0) throw cannot(`measure "${root}"`, 'there is no Cargo project in it', { blame: 'usage' });
  const names = all.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    throw cannot(`measure "${unknown}"`, 'there is no such program', {
      blame: 'usage',
      hint: near ? `did you mean ${near}?` : `there are ${names.join(', ')}`,
    });
  }
  return { root, projects: only.length === 0 ? all : all.filter(({ name }) => only.includes(name)) };
}

async function projectsBelow(root: string): Promise<readonly Project[]> {
  const isProject = async (dir: string): Promise<boolean> => (await absentAsUndefined(stat(join(dir, 'Cargo.toml')))) !== undefined;
  if (await isProject(root)) return [{ ...plainProject, name: basename(root), dir: root }];
  const apps = (await absentAsUndefined(stat(join(root, 'apps')))) ? join(root, 'apps') : root;
  const names = (await absentAsUndefined(readdir(apps))) ?? [];
  const found: Project[] = [];
  for (const name of names.sort(byCodeUnit))
    if (await isProject(join(apps, name))) found.push({ ...plainProject, name, dir: join(apps, name) });
  return found;
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw cannot(`read "${file}"`, 'it cannot be opened', { blame: 'usage', cause: error });
  });
}

/** Copies the workload to `to`, which must not exist. */
export async function checkOut({ root, projects }: Workload, to: string, context: Context): Promise<Checkout> {
  const argv = ['cp', '-r', '--reflink=auto', root, to];
  await outputOf(`copy "${root}"`, argv, { cwd: '/', env: {}, signal: context.signal });
  await mkdir(to, { recursive: true });
  const moved = projects.map((project) => ({ ...project, dir: resolve(to, relative(root, project.dir)) }));
  const setFile = `${to}.toml`;
  await writeFile(setFile, setText(moved));
  return { projects: moved, setFile };
}

/** Returns the text of a set file. Strings and lists have the same syntax in JSON and TOML. */
export function setText(projects: readonly Project[]): string {
  return projects
    .map(({ name, dir, packages, bins, features, defaultFeatures, env }) => {
      const rows = [`path = ${JSON.stringify(dir)}`, `name = ${JSON.stringify(name)}`, `default-features = ${defaultFeatures}`];
      for (const [field, list] of Object.entries({ package: packages, bins, features }))
        if (list.length > 0) rows.push(`${field} = ${JSON.stringify(list)}`);
      const variables = Object.entries(env).map(([variable, value]) => `${JSON.stringify(variable)} = ${JSON.stringify(value)}`);
      return `[[project]]\n${rows.join('\n')}\nenv = { ${variables.join(', ')} }\n`;
    })
    .join('\n');
}

/** Writes a workspace with so many members to a folder. The edited file belongs to a driver, which is a program. */
export async function workspaceSubject(members: number, dir: string): Promise<EditSubject> {
  await writeFiles(dir, driverWorkspace(members));
  return { project: { ...plainProject, name: `workspace of ${members}`, dir }, file: join(dir, driverSource(7)) };
}

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/**
 * Returns the source file of the program, from which nothing else is compiled: main.rs, or the only program
 * in src/bin.
 */
export async function leafFile({ name, dir }: Project): Promise<string> {
  const candidates = ['src/main.rs', `src/bin/${name}.rs`, ...(await sources(dir))];
  for (const candidate of candidates) if (await absentAsUndefined(stat(join(dir, candidate)))) return join(dir, candidate);
  throw cannot(`edit ${name}`, 'it has no main.rs', { blame: 'usage' });
}

/** Returns programs of members, and those in src/bin. */
async function sources(dir: string): Promise<readonly string[]> {
  const below = async (folder: string): Promise<readonly string[]> =>
    ((await absentAsUndefined(readdir(join(dir, folder)))) ?? []).sort(byCodeUnit);
  return [
    ...(await below('.')).map((member) => `${member}/src/main.rs`),
    ...(await below('src/bin')).filter((file) => file.endsWith('.rs')).map((file) => `src/bin/${file}`),
  ];
}
