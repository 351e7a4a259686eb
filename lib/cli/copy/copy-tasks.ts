// Copies tasks into another repository with everything that they need, and updates the copy. Files that the
// user changed there are never overwritten.
import { copyFile, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix, relative } from 'node:path';
import { byCodeUnit } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause, nearest } from '../../core/errors.ts';
import { parseJsonFields } from '../../core/fields.ts';
import { optionalParts } from '../optional-parts.ts';
import { importClosure } from '../../core/modules/import-closure.ts';
import type { ImportClosure } from '../../core/modules/import-closure.ts';
import { digestOf, originName, originText, readOrigin, stateOf } from './origin.ts';
import type { FileState, Origin } from './origin.ts';
import { withPackages } from './package-file.ts';

/** The folder of the copy, in the folder that the user names. */
export const copyName = 'bloomery';

/**
 * Pages of machines that are not built here, for judging their consoles. They are copied with each task that
 * boots.
 */
const machinePages = ['systems/linux.ts', 'systems/firmware.ts'];
const licence = 'LICENSE';

export interface CopyRequest {
  /** The source repository. */
  readonly root: string;
  /** The destination folder, an absolute path. */
  readonly folder: string;
  /** Paths of tasks in the repository. */
  readonly tasks: readonly string[];
  readonly examples: readonly string[];
  /** Names of optional parts of tasks. */
  readonly parts: readonly string[];
}

export interface CopiedTasks {
  /** Path in the repository -> path of the copy, relative to the folder. */
  readonly entries: Readonly<Record<string, string>>;
  readonly files: number;
  readonly lines: number;
  /** Packages that were added to the folder's package.json. */
  readonly packages: readonly string[];
  /** Packages that it already had in another version. */
  readonly otherVersions: readonly string[];
  /** Files of an earlier copy that the user changed. */
  readonly leftAlone: readonly FileChange[];
}

export interface FileChange {
  /** Relative to the copy. */
  readonly path: string;
  readonly state: FileState;
}

/**
 * Copies the tasks. If files of the user would be overwritten, that is a Failure that names them, and nothing
 * is written.
 */
export async function copyTasks({ root, folder, tasks, examples, parts }: CopyRequest): Promise<CopiedTasks> {
  const target = join(folder, copyName);
  const before = await readOrigin(target);
  const wanted = {
    tasks: union(before?.tasks ?? [], await Promise.all(tasks.map((task) => taskPath(root, task)))),
    examples: union(before?.examples ?? [], await Promise.all(examples.map((example) => exampleName(root, example)))),
    parts: union(before?.parts ?? [], parts.map(partName)),
  };
  const closure = await closureOf(root, wanted);
  const changes = await changesOf({ root, target, origin: before, closure });
  const inTheWay = changes.filter(({ state }) => state === 'in the way');
  if (inTheWay.length > 0) {
    const named = inTheWay.map(({ path, state }) => `${join(copyName, path)}: ${state}`).join('\n');
    throw cannot(`copy into "${folder}"`, `files there would be overwritten (${inTheWay.length})`, {
      detail: named,
      hint: 'move these files, or choose another folder',
    });
  }
  await writeAll({ root, target, origin: before, closure, changes }, wanted);
  const { added, otherVersions } = await addPackages(root, folder, closure.packages);
  const leftAlone = changes.filter(({ state }) => ['changed here', 'changed on both sides'].includes(state));
  const entries = Object.fromEntries(wanted.tasks.map((path) => [path, posix.join(copyName, path)]));
  return { entries, files: closure.files.length, lines: closure.lines, packages: added, otherVersions, leftAlone };
}

/**
 * Returns the files of a copy that differ from the record or from the repository. A folder without a copy is
 * a Failure.
 */
export async function checkCopy(root: string, folder: string): Promise<readonly FileChange[]> {
  const target = join(folder, copyName);
  const origin = await existingOrigin(target);
  const closure = await closureOf(root, origin);
  return (await changesOf({ root, target, origin, closure })).filter(({ state }) => state !== 'same');
}

/**
 * Updates the files that were not changed in the copy. Returns every change. Files that were not updated have
 * their state.
 */
export async function updateCopy(root: string, folder: string): Promise<readonly (FileChange & { readonly taken: boolean })[]> {
  const target = join(folder, copyName);
  const origin = await existingOrigin(target);
  const closure = await closureOf(root, origin);
  const changes = await changesOf({ root, target, origin, closure });
  const taken = await writeAll({ root, target, origin, closure, changes }, origin);
  await addPackages(root, folder, closure.packages);
  return changes.filter(({ state }) => state !== 'same').map((change) => ({ ...change, taken: taken.has(change.path) }));
}

type Wanted = Pick<Origin, 'tasks' | 'examples' | 'parts'>;

interface Sides {
  readonly root: string;
  readonly target: string;
  readonly origin: Origin | undefined;
  readonly closure: ImportClosure;
}

async function changesOf({ root, target, origin, closure }: Sides): Promise<readonly FileChange[]> {
  const paths = union(Object.keys(origin?.files ?? {}), closure.files);
  const inClosure = new Set(closure.files);
  return await Promise.all(
    paths.map(async (path) => {
      const upstream = inClosure.has(path) ? await digestOf(join(root, path)) : undefined;
      return { path, state: stateOf(origin?.files[path], await digestOf(join(target, path)), upstream) };
    }),
  );
}

/**
 * Writes newer files, removes deleted ones, and writes the record last, so that the next run completes an
 * interrupted copy.
 */
async function writeAll(
  { root, target, origin, changes }: Sides & { readonly changes: readonly FileChange[] },
  { tasks, examples, parts }: Wanted,
): Promise<ReadonlySet<string>> {
  const taken = new Set<string>();
  const files: Record<string, Digest> = {};
  await refuseLinks(
    target,
    changes.map(({ path }) => path),
  );
  for (const { path, state } of changes) {
    const to = join(target, path);
    if (state === 'changed upstream' || state === 'new upstream') await publish(join(root, path), to);
    else if (state === 'gone upstream') await rm(to, { force: true });
    const isTaken = ['changed upstream', 'new upstream', 'gone upstream'].includes(state);
    if (isTaken) taken.add(path);
    const digest = isTaken || state === 'same' ? await digestOf(join(target, path)) : origin?.files[path];
    if (digest !== undefined) files[path] = digest;
  }
  const { version } = parseManifest(await readFile(join(root, 'package.json'), 'utf8'), root);
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => byCodeUnit(a, b)));
  await writeText(join(target, originName), originText({ version, tasks, examples, parts, files: sorted }));
  // Marks modules as ECMAScript modules, whatever the surrounding repository declares.
  const manifest = join(target, 'package.json');
  if ((await digestOf(manifest)) === undefined) await writeText(manifest, '{ "type": "module", "private": true }\n');
  return taken;
}

/** Returns the files of the tasks with their imports, of examples, and of pages that tasks find themselves. */
async function closureOf(root: string, { tasks, examples, parts }: Wanted): Promise<ImportClosure> {
  const first = await importClosure(root, [...tasks, ...parts.map((part) => optionalParts[partName(part)])]);
  const boots = first.files.some((path) => path.startsWith('lib/console/'));
  const pages = boots ? machinePages : [];
  const inExamples = (await Promise.all(examples.map((name) => filesBelow(root, posix.join('fixtures', name))))).flat();
  const modules = [...first.files, ...inExamples].filter((path) => path.endsWith('.ts'));
  const closure = await importClosure(root, [...modules, ...pages]);
  return { ...closure, files: union(union(closure.files, inExamples), [licence]) };
}

/** Returns the files of a folder of the repository, without the outputs of builds. */
async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  const rows = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  const paths = rows.filter((row) => row.isFile()).map((row) => relative(root, join(row.parentPath, row.name)));
  return paths.filter((path) => !/\/(?:target|out)\//.test(path) && !path.endsWith('.test.ts'));
}

async function existingOrigin(target: string): Promise<Origin> {
  const origin = await readOrigin(target);
  if (origin) return origin;
  throw cannot(`look at the copy in "${dirname(target)}"`, `it has no ${copyName}/${originName}`, {
    blame: 'usage',
    hint: 'npx zx tasks/copy.ts TASK... FOLDER creates a copy',
  });
}

/**
 * Returns "tasks/build.ts" for "build", "build.ts" or itself. An unknown task is a Failure with the nearest
 * one.
 */
async function taskPath(root: string, word: string): Promise<string> {
  const tasks = (await readdir(join(root, 'tasks'))).filter((name) => name.endsWith('.ts')).map((name) => `tasks/${name}`);
  const all = ['test-boot.ts', ...tasks];
  const name = word.endsWith('.ts') ? word : `${word}.ts`;
  const found = all.find((path) => path === name || path === `tasks/${name}` || join(root, path) === word);
  if (found !== undefined) return found;
  const near = nearest(
    basename(name),
    all.map((path) => basename(path)),
  );
  throw cannot(`copy the task "${word}"`, 'there is no such task', {
    blame: 'usage',
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

function partName(name: string): keyof typeof optionalParts {
  const names = Object.keys(optionalParts);
  if (isPart(name)) return name;
  const near = nearest(name, names);
  const hint = near === undefined ? undefined : `did you mean ${near}?`;
  throw cannot(`copy the part "${name}"`, `the parts are ${names.join(', ')}`, { blame: 'usage', hint });
}

function isPart(name: string): name is keyof typeof optionalParts {
  return Object.hasOwn(optionalParts, name);
}

async function exampleName(root: string, name: string): Promise<string> {
  const page = join(root, 'fixtures', name, `${name}.ts`);
  if (/^[\w-]+$/.test(name) && (await absentAsUndefined(stat(page)))) return name;
  throw cannot(`copy the example "${name}"`, 'there is no such example', { blame: 'usage', hint: 'hello is one' });
}

async function addPackages(
  root: string,
  folder: string,
  imported: readonly string[],
): Promise<{ readonly added: readonly string[]; readonly otherVersions: readonly string[] }> {
  const own = parseManifest(await readFile(join(root, 'package.json'), 'utf8'), root);
  // Tasks are run by zx, with the Node of this package.
  const known = union(imported, ['node', 'zx']).filter((name) => own.versions[name] !== undefined);
  const wanted = Object.fromEntries(known.map((name) => [name, own.versions[name] ?? '']));
  const path = join(folder, 'package.json');
  const before = await absentAsUndefined(readFile(path, 'utf8'));
  const { text, added, otherVersions } = withPackages(before, wanted, { path, name: basename(folder) });
  if (text !== before) await writeText(path, text);
  return { added, otherVersions };
}

function parseManifest(text: string, root: string): { readonly version: string; readonly versions: Readonly<Record<string, string>> } {
  const fields = parseJsonFields(text, join(root, 'package.json'));
  const dependencies = fields.table('dependencies');
  const versions = (dependencies?.names() ?? []).map((name) => [name, dependencies?.text(name) ?? ''] as const);
  return { version: fields.text('version') ?? '0.0.0', versions: Object.fromEntries(versions) };
}

/** A folder of the copy that is a link leads to other files of the user, perhaps outside of the repository. */
async function refuseLinks(target: string, paths: readonly string[]): Promise<void> {
  const folders = new Set(paths.flatMap((path) => path.split('/').map((_, index, parts) => parts.slice(0, index).join('/'))));
  for (const folder of folders) {
    const stats = await absentAsUndefined(lstat(join(target, folder)));
    if (!stats?.isSymbolicLink()) continue;
    const name = posix.join(copyName, folder);
    throw cannot(`copy into "${dirname(target)}"`, `"${name}" there is a link`, {
      hint: 'replace it by a folder, or choose another folder',
    });
  }
}

async function publish(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, `${to}.partial`);
    await rename(`${to}.partial`, to);
  } catch (error) {
    throw cannotBecause(`write "${to}"`, error);
  }
}

async function writeText(to: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await writeFile(`${to}.partial`, text);
    await rename(`${to}.partial`, to);
  } catch (error) {
    throw cannotBecause(`write "${to}"`, error);
  }
}

function union(some: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...some, ...more])].sort(byCodeUnit);
}
