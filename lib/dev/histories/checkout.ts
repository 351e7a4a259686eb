// A checkout of a generated project: the folder that edits change, and the variables and flags of its builds.
// Each edit can be undone unless it ran git or created a copy.
import { chmod, cp, lstat, mkdir, readFile, readlink, realpath, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';
import { outputOf } from '../../core/sh.ts';
import { writeFiles } from '../projects/content.ts';
import type { Manner, Operation } from '../projects/operation.ts';
import type { Project } from '../projects/project.ts';

/** Parameters of a build other than the folder. */
export interface Settings {
  readonly variables: Readonly<Record<string, string>>;
  /** Flags that cargo and tasks/crates.ts share. */
  readonly flags: readonly string[];
}

type Undo = () => Promise<void>;

/**
 * With these variables, commits have the same names each time, whatever the user's configuration of git
 * contains.
 */
export const gitEnv = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2020-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_COMMITTER_DATE: '2020-01-01T00:00:00Z',
};

export class Checkout {
  readonly #project: Project;
  #top: string;
  #copies = 0;
  #settings: Settings;
  /** Undoes the last edit, in reverse order. Undefined if that is impossible. */
  #undo: readonly Undo[] | undefined;

  private constructor(project: Project, top: string) {
    this.#project = project;
    this.#top = top;
    this.#settings = { variables: project.variables, flags: [] };
  }

  /** Writes the project below `top`, a folder that does not exist yet. */
  static async create(project: Project, top: string): Promise<Checkout> {
    await writeFiles(top, project.files);
    const checkout = new Checkout(project, top);
    if (project.git !== undefined) {
      for (const words of [
        ['init', '-q', '-b', 'main'],
        ['add', '-A'],
        ['commit', '-q', '-m', 'first'],
        ['checkout', '-q', '-b', 'other'],
        ['commit', '-q', '--allow-empty', '-m', 'second'],
        ['checkout', '-q', 'main'],
      ])
        await checkout.#git(words);
    }
    return checkout;
  }

  /** The folder in which a build is started. */
  get folder(): string {
    return join(this.#top, this.#project.build);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Whether the last edit can be undone. */
  get reversible(): boolean {
    return this.#undo !== undefined;
  }

  async apply(operations: readonly Operation[]): Promise<void> {
    const undo: Undo[] = [];
    let reversible = true;
    for (const operation of operations) {
      const back = await this.#applyOne(operation);
      if (back) undo.unshift(back);
      else reversible = false;
    }
    this.#undo = reversible ? undo : undefined;
  }

  /** Undoes the last edit if possible. */
  async undo(): Promise<void> {
    for (const back of this.#undo ?? []) await back();
    this.#undo = undefined;
  }

  /** Returns how the operation is undone, if that is possible. */
  async #applyOne(operation: Operation): Promise<Undo | undefined> {
    const before = this.#settings;
    const restore: Undo = async () => void (this.#settings = before);
    switch (operation.op) {
      case 'variable': {
        const { [operation.name]: _, ...others } = before.variables;
        const { name, value } = operation;
        this.#settings = { ...before, variables: value === undefined ? others : { ...others, [name]: value } };
        return restore;
      }
      case 'flags':
        this.#settings = { ...before, flags: operation.flags };
        return restore;
      case 'git':
        if (await this.#hasRepository()) await this.#git(operation.words);
        return undefined;
      case 'copy': {
        const copy = `${this.#top.replace(/-\d+$/, '')}-${++this.#copies}`;
        await cp(this.#top, copy, { recursive: true, verbatimSymlinks: true });
        this.#top = copy;
        return undefined;
      }
      case 'undo':
        throw new RangeError('an undo must be the only operation of its step');
      default:
        return this.#changeFile(operation);
    }
  }

  async #changeFile(operation: Exclude<Operation, { op: 'variable' | 'flags' | 'git' | 'copy' | 'undo' }>): Promise<Undo> {
    const given = join(this.#top, posix.normalize(operation.path));
    const path = ['remove', 'move', 'link'].includes(operation.op) ? given : ((await absentAsUndefined(realpath(given))) ?? given);
    const there = await absentAsUndefined(lstat(path));
    const fits = there ? operation.op === 'move' || !there.isDirectory() : operation.op === 'write';
    if (!fits) return async () => undefined;
    if (operation.op === 'move') return moved(path, join(this.#top, posix.normalize(operation.to)));
    const back = await saved(path);
    switch (operation.op) {
      case 'write':
        if (there?.isSymbolicLink()) await rm(path); // the target does not exist
        await replaceText(path, operation.text, operation.manner);
        break;
      case 'swap': {
        const text = await readFile(path, 'utf8');
        const { from, to } = operation;
        const swapped = text.includes(from) ? text.replace(from, () => to) : to === '' ? text : text.replace(to, () => from);
        await replaceText(path, swapped, operation.manner);
        break;
      }
      case 'append':
        await writeFile(path, (await readFile(path, 'utf8')) + operation.text);
        break;
      case 'touch':
        await writeFile(path, await readFile(path));
        break;
      case 'mode':
        await chmod(path, operation.mode);
        break;
      case 'remove':
        await rm(path);
        break;
      case 'link':
        await rm(path);
        await symlink(operation.target, path);
    }
    return back;
  }

  async #hasRepository(): Promise<boolean> {
    const { git } = this.#project;
    return git !== undefined && (await absentAsUndefined(lstat(join(this.#top, git, '.git')))) !== undefined;
  }

  async #git(words: readonly string[]): Promise<void> {
    const cwd = join(this.#top, this.#project.git ?? '.');
    // git refuses a commit without changes, which is not an error of the project.
    const quiet = words[0] === 'commit' ? [...words, '--allow-empty'] : words;
    await outputOf('run git in a generated project', ['git', ...quiet], { cwd, env: gitEnv });
  }
}

async function replaceText(path: string, text: string, manner: Manner | undefined): Promise<void> {
  const before = await absentAsUndefined(stat(path));
  if (manner === 'renamed') {
    await writeFile(`${path}~`, text);
    if (before) await chmod(`${path}~`, before.mode & 0o777);
    await rename(`${path}~`, path);
  } else await writeFile(path, text);
  if (manner === 'dated back' && before) await utimes(path, before.atime, before.mtime);
}

/** Moves a file or folder. Does nothing if the new path exists. */
async function moved(path: string, to: string): Promise<Undo> {
  if (await absentAsUndefined(lstat(to))) return async () => undefined;
  const created = await mkdir(dirname(to), { recursive: true });
  await rename(path, to);
  return async () => {
    await rename(to, path);
    if (created !== undefined) await rm(created, { recursive: true, force: true });
  };
}

/** Returns how the present content of the path is restored. Folders for the path are created. */
async function saved(path: string): Promise<Undo> {
  const stats = await absentAsUndefined(lstat(path));
  const created = await mkdir(dirname(path), { recursive: true });
  if (!stats) return async () => rm(created ?? path, { recursive: true, force: true });
  const target = stats.isSymbolicLink() ? await readlink(path) : undefined;
  const bytes = target === undefined ? await readFile(path) : undefined;
  return async () => {
    await rm(path, { force: true });
    if (target !== undefined) await symlink(target, path);
    else if (bytes) await writeFile(path, bytes).then(() => chmod(path, stats.mode & 0o777));
  };
}
