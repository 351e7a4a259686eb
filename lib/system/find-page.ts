// Finds the page of a system by a name or a path, imports it, and determines the paths of its builds'
// outputs. This module reads only the name from a page.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot, Failure, nearest } from '../core/errors.ts';

/** Where a page is. All paths are absolute. */
export interface PagePlace {
  readonly file: string;
  /**
   * The folder of the page. Relative paths of the page are relative to it, and its locks are in a subfolder
   * named after the system.
   */
  readonly folder: string;
  /** The folder for images and transcripts, unless the user names another one. */
  readonly outDir: string;
}

/** Returns the names of all pages in systems/, sorted. `root` is the folder that has systems/, tasks/ and lib/. */
export async function systemNames(root: string): Promise<readonly string[]> {
  const files = (await absentAsUndefined(readdir(join(root, 'systems')))) ?? [];
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .sort(byCodeUnit);
}

/** Whether a word of the command line is the path of a page. Every other word is the name of one. */
export function isPagePath(word: string): boolean {
  return word.includes('/') || word.endsWith('.ts');
}

/** Returns the word of a command line that names a page. A name is unchanged, and a path is made absolute. */
export function systemWord(word: string, { path }: { readonly path: (text: string) => string }): string {
  return isPagePath(word) ? path(word) : word;
}

/**
 * Returns the place of a page, by an absolute path, by its name in systems/ or by the name of an example
 * (fixtures/NAME/NAME.ts). Throws a Failure (usage, with the nearest name) for an unknown name or a path
 * without a file.
 */
export async function findPage(root: string, word: string): Promise<PagePlace> {
  if (isPagePath(word)) {
    if (existsSync(word)) return placeOf(root, word);
    const near = nearest(basename(word, '.ts'), await pagesIn(dirname(word)));
    const hint = near === undefined ? undefined : `did you mean ${near}.ts?`;
    throw cannot(`read the page "${word}"`, 'it does not exist', { blame: 'usage', hint });
  }
  const file = [`systems/${word}.ts`, exampleOf(word)].map((path) => join(root, path)).find((path) => existsSync(path));
  if (file === undefined) throw await unknownSystem(root, word);
  return placeOf(root, file);
}

/** A page as its module exports it. Only its name was checked. */
export interface ExportedPage {
  readonly name: string;
}

/** Imports a page. Every error is a Failure that names the page. */
export async function importPage({ file }: Pick<PagePlace, 'file'>): Promise<ExportedPage> {
  let module: { readonly system?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw importFailure(file, error);
  }
  const { system } = module;
  const what = `read the page "${file}"`;
  if (system === undefined)
    throw cannot(what, 'it does not export "system"', {
      hint: 'export const system = defineSystem({ ... })',
    });
  if (isNamed(system)) return system;
  throw cannot(what, 'name: it must be a string', {
    hint: 'the name of a system begins the names of its images',
  });
}

function isNamed(page: unknown): page is ExportedPage {
  return typeof page === 'object' && page !== null && 'name' in page && typeof page.name === 'string';
}

/**
 * Returns Node's report about a module that cannot be loaded: the line, and the source text around it if Node
 * prints one.
 */
function importFailure(page: string, error: unknown): unknown {
  if (error instanceof Failure) return error;
  const what = `read the page "${page}"`;
  if (!(error instanceof Error)) return cannot(what, `it throws "${String(error)}"`);
  const missing = /^Cannot find (?:module|package) '([^']+)' imported from (.*)$/.exec(error.message);
  if (missing)
    return cannot(what, `${otherFile(page, missing[2])}it imports "${missing[1]}", which does not exist`, {
      cause: error,
    });
  const lines = (error.stack ?? '').split('\n');
  const [, shown, atTop] = /^(?:file:\/\/)?(\/.*):(\d+)$/.exec(lines[0] ?? '') ?? [];
  const [, frame, atFrame] = /^ +at (?:.* \()?file:\/\/(\/.*):(\d+):\d+\)?$/m.exec(error.stack ?? '') ?? [];
  const [file, line] = shown === undefined ? [frame, atFrame] : [shown, atTop];
  const end = lines.findIndex((text) => text.trim() === '' || text.startsWith(error.name));
  const detail = shown === undefined ? undefined : lines.slice(1, end).join('\n');
  return cannot(what, `${otherFile(page, file)}${line === undefined ? '' : `line ${line}: `}${error.message}`, { detail, cause: error });
}

/** Returns the name of the file with the error if it is a part of the page and not the page itself. */
function otherFile(page: string, file: string | undefined): string {
  return file === undefined || file === page ? '' : `${relative(dirname(page), file)}, `;
}

function exampleOf(name: string): string {
  return `fixtures/${name}/${name}.ts`;
}

/** Outputs of a page of the repository go to its out/. Outputs of any other page go to out/ next to the page. */
function placeOf(root: string, file: string): PagePlace {
  const folder = dirname(file);
  const isInside = !relative(root, file).startsWith(`..${sep}`);
  return { file, folder, outDir: join(isInside ? root : folder, 'out') };
}

/** Returns the files of a folder that may be pages, without their extension. */
async function pagesIn(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder).catch(() => []);
  return files.filter((file) => file.endsWith('.ts')).map((file) => basename(file, '.ts'));
}

async function unknownSystem(root: string, name: string): Promise<Failure> {
  const names = await systemNames(root);
  const folders = (await absentAsUndefined(readdir(join(root, 'fixtures')))) ?? [];
  const examples = folders.filter((folder) => existsSync(join(root, exampleOf(folder))));
  const near = nearest(name, [...names, ...examples]);
  const hint = near === undefined ? 'a page of your own is named by its path: ./NAME.ts' : `did you mean ${near}?`;
  const why = names.length === 0 ? `there are no pages in "${join(root, 'systems')}"` : `the systems are ${names.join(', ')}`;
  return cannot(`find system "${name}"`, why, { blame: 'usage', hint });
}

/** Returns the path of the kernel of a profile that has one. */
export function kernelPath(outDir: string, system: string, profile: string): string {
  return join(outDir, `${system}-${profile}`, 'vmlinuz');
}

/** The file with the command line of a published kernel: that of the page, or of a checkout. */
export function commandLinePath(kernel: string): string {
  return `${kernel}.cmdline`;
}

/** The part of an image that determines the extension of its file. */
interface ImageKind {
  readonly partitions: readonly { readonly fileSystem: { readonly kind: string; readonly gzip?: boolean } }[];
}

/**
 * Returns the path of the image of a profile, below the folder of all outputs. The extension depends on the
 * kind of image.
 */
export function imageFileName(stem: string, facts: ImageKind | undefined): string {
  const kind = facts?.partitions[0]?.fileSystem;
  if (kind?.kind === 'cpio') return `${stem}.cpio${kind.gzip ? '.gz' : ''}`;
  return `${stem}.${kind?.kind === 'iso' ? 'iso' : 'img'}`;
}
