// What a boot is about: which system, which of its images, which rules judge it. Reads the system's page; starts nothing.
import { existsSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { ConsoleRules, GuestSession } from '../console/rules.ts';
import { absentAsUndefined, cannot } from '../core/errors.ts';
import { commandLinePath, imageFileName, kernelPath } from '../system/find-page.ts';
import type { PagePlace } from '../system/find-page.ts';
import type { ImageFacts } from '../system/image-facts.ts';
import { loadPage } from '../system/load.ts';
import { componentOf, defaultProfile, profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';

/** What a boot needs of a page: also of one without components. */
export interface Bootable extends Pick<System, 'name' | 'title' | 'machine' | 'console' | 'reference' | 'schemes' | 'shell'> {
  /** What is done in the guest when it has booted. */
  readonly session?: GuestSession;
  /** The same with another kernel of the page. */
  readonly referenceSession?: GuestSession;
  /** The command line of such a kernel, where the image is a disk with a boot loader. */
  readonly referenceWords?: string;
}

export interface BootTarget {
  readonly system: Bootable;
  /** The folder of the page. */
  readonly folder: string;
  /** Absolute. */
  readonly image: string;
  /** Where the transcript goes unless the person names another file. */
  readonly log: string;
  /** The kernel with its symbols, absolute, where it was built here. */
  readonly symbols?: string;
  /** The user's folder that is a place of the sandbox in debug information, where the kernel is of a checkout. */
  readonly sourceFolder?: string;
  /** The folder of the OSDK.toml of that checkout. */
  readonly checkout?: string;
}

export interface BootWords {
  /** The folder that has systems/, tasks/ and lib/. */
  readonly root: string;
  /** The name of a system, or the absolute path of a page. */
  readonly system: string;
  /** undefined: the system's default. */
  readonly profile: string | undefined;
  /** An image elsewhere, absolute. */
  readonly image: string | undefined;
  /** Where it is remembered that the page is right. */
  readonly cacheDir?: string;
}

/** The system by `<system>` or `--system S`; exactly one name must be meant. */
export function namedSystem(word: string | undefined, flag: string | undefined): string {
  const name = word ?? flag;
  if (name === undefined) throw cannot('read the command line', 'it needs <system>, or --image FILE with --system S', { blame: 'usage' });
  if (word !== undefined && flag !== undefined && word !== flag) {
    throw cannot('read the command line', `"${word}" and --system "${flag}" are two systems`, { blame: 'usage', hint: 'name one of them' });
  }
  return name;
}

/** The image of a system is out/<system>-<profile>.img; transcripts go to out/logs/. */
export async function bootTarget(words: BootWords): Promise<BootTarget> {
  const { image } = words;
  const { profile: chosen, facts, folder, outDir, ...system } = await bootable(words);
  const { name } = system;
  const path = image ?? join(outDir, imageFileName(`${name}-${chosen}`, facts));
  const stem = basename(path, extname(path));
  const log = join(outDir, 'logs', `${stem.startsWith(`${name}-`) ? stem : `${name}-${stem}`}.log`);
  return { system, folder, image: path, log, ...(await symbolsOf(system, chosen, dirname(path))) };
}

/** The kernel that a component of the profile made, and where its source is. */
async function symbolsOf(
  system: Bootable & Partial<System>,
  profile: string,
  outDir: string,
): Promise<Pick<BootTarget, 'symbols' | 'sourceFolder' | 'checkout'>> {
  const { kernel } = system.profiles?.[profile] ?? {};
  if (!kernel || !('made' in kernel)) return {};
  const stem = join(outDir, `${system.name}-${profile}`);
  const path = join(stem, kernel.made);
  if (!(await exists(path))) return {};
  const source = await localSource(`${stem}.json`, componentOf(kernel.made));
  return source === undefined ? { symbols: path } : { symbols: path, sourceFolder: ownFolder(source), checkout: checkoutOf(source) };
}

/** The user's own folder that a component was built from, by the manifest of the image; undefined where it was built from another source. */
async function localSource(manifest: string, component: string): Promise<string | undefined> {
  const text = await absentAsUndefined(readFile(manifest, 'utf8'));
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw cannot(`read "${manifest}"`, 'it is not JSON', { cause: error, hint: 'build the image again' });
  }
  const source = ['components', component, 'source'].reduce(fieldOf, value);
  const path = fieldOf(source, 'path');
  return fieldOf(source, 'kind') === 'local' && typeof path === 'string' ? path : undefined;
}

/** A field of a value that was read; undefined where there is none. */
function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined;
}

/** A system, or the console and the machine alone of one that is not built here. */
async function bootable({
  root,
  system: word,
  profile,
  image,
  cacheDir,
}: BootWords): Promise<
  Bootable & Pick<PagePlace, 'folder' | 'outDir'> & { readonly profile: string; readonly facts?: ImageFacts | undefined }
> {
  const page = await loadPage(root, word, cacheDir);
  const { components, profiles, machine } = page;
  if (!machine)
    throw cannot(`boot ${page.name}`, 'its page has no machine', {
      blame: 'usage',
      hint: '--replay FILE judges a recording of its console',
    });
  if (!components || !profiles) return { ...page, machine, profile: profile ?? 'default' };
  const system = { ...page, components, profiles, machine };
  const chosen = profile ?? defaultProfile(system);
  if (image === undefined) profileOf(system, chosen);
  const facts = system.profiles[chosen]?.image ?? system.image;
  const { folder, outDir } = system;
  return { ...(await withProfile(system, chosen, image === undefined ? outDir : dirname(image))), profile: chosen, folder, outDir, facts };
}

/** A system with what its profile says of booting it. A profile that it does not have is one of an image that was named. */
async function withProfile(system: System, name: string, outDir: string): Promise<Bootable> {
  const { kernel, session, referenceSession, referenceWords, machine: own, console } = system.profiles[name] ?? {};
  const image = kernelPath(outDir, system.name, name);
  const built = kernel && (await absentAsUndefined(readFile(commandLinePath(image), 'utf8')));
  const direct = kernel && { image, commandLine: built?.trimEnd() ?? kernel.commandLine };
  const { debugExit, ...rest } = { ...system.machine, ...own, ...(direct && { kernel: direct }) };
  // How a machine ends says something of the page's own kernel alone.
  const machine = console || !debugExit ? rest : { ...rest, debugExit };
  const sessions = { ...(session && { session }), ...(referenceSession && { referenceSession }) };
  return { ...system, machine, ...(console && { console }), ...sessions, ...(referenceWords !== undefined && { referenceWords }) };
}

/** The console rules of a page. */
export async function consoleRules(root: string, word: string): Promise<ConsoleRules> {
  return (await loadPage(root, word)).console;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/**
 * The user's folder that the sandbox shows to the kernel of a checkout as its common one: the repository that it is in, or the checkout. `folder` may be
 * that of the program that is generated below it.
 */
export function ownFolder(folder: string): string {
  const checkout = checkoutOf(folder);
  for (let at = checkout; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (at === dirname(at)) return checkout;
  }
}

/** The folder of a checkout, which may be given by that of the program that is generated below it. */
export function checkoutOf(folder: string): string {
  return folder.replace(/\/target\/osdk\/[^/]*$/, '');
}
