// Determines the target of a boot: the system, its image, and the console rules. It reads the system's page
// and starts nothing.
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

/** The part of a page that a boot needs. A page without components has it too. */
export interface Bootable extends Pick<System, 'name' | 'title' | 'machine' | 'console' | 'reference' | 'schemes' | 'shell'> {
  /** Commands that are run in the guest after it has booted. */
  readonly session?: GuestSession;
  /** The same commands for the reference kernel of the page. */
  readonly referenceSession?: GuestSession;
  /** The command line of the reference kernel if the image is a disk with a boot loader. */
  readonly referenceWords?: string;
}

export interface BootTarget {
  readonly system: Bootable;
  /** The folder of the page. */
  readonly folder: string;
  /** Absolute path. */
  readonly image: string;
  /** Path of the transcript, unless the user names another file. */
  readonly log: string;
  /** Absolute path of the kernel with its symbols, if it was built here. */
  readonly symbols?: string;
  /**
   * The user's folder that debug information names by a sandbox path, if the kernel was built from a
   * checkout.
   */
  readonly sourceFolder?: string;
  /** The folder of that checkout's OSDK.toml. */
  readonly checkout?: string;
}

export interface BootWords {
  /** The folder that has systems/, tasks/ and lib/. */
  readonly root: string;
  /** The name of a system, or the absolute path of a page. */
  readonly system: string;
  /** Undefined selects the system's default profile. */
  readonly profile: string | undefined;
  /** Absolute path of another image. */
  readonly image: string | undefined;
  /** The folder in which a successful check of the page is memoized. */
  readonly cacheDir?: string;
}

/** Returns the system that `<system>` or `--system S` names. Exactly one name must be given. */
export function namedSystem(word: string | undefined, flag: string | undefined): string {
  const name = word ?? flag;
  if (name === undefined) throw cannot('read the command line', 'it needs <system>, or --image FILE with --system S', { blame: 'usage' });
  if (word !== undefined && flag !== undefined && word !== flag) {
    throw cannot('read the command line', `"${word}" and --system "${flag}" are two systems`, { blame: 'usage', hint: 'name one of them' });
  }
  return name;
}

/** Returns the target. The image of a system is out/<system>-<profile>.img, and transcripts are in out/logs/. */
export async function bootTarget(words: BootWords): Promise<BootTarget> {
  const { image } = words;
  const { profile: chosen, facts, folder, outDir, ...system } = await bootable(words);
  const { name } = system;
  const path = image ?? join(outDir, imageFileName(`${name}-${chosen}`, facts));
  const stem = basename(path, extname(path));
  const log = join(outDir, 'logs', `${stem.startsWith(`${name}-`) ? stem : `${name}-${stem}`}.log`);
  return { system, folder, image: path, log, ...(await symbolsOf(system, chosen, dirname(path))) };
}

/** Returns the kernel that a component of the profile built, and the folder of its source. */
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

/**
 * Returns the user's own folder that a component was built from, as the image's manifest records it, or
 * undefined if the source was another one.
 */
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

/** Returns a field of an unchecked value, or undefined if it has no such field. */
function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined;
}

/** Returns a system, or only the console and machine for a page without components. */
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

/**
 * Returns a system with the boot facts of its profile. A profile that the page does not have belongs to an
 * image that the user named.
 */
async function withProfile(system: System, name: string, outDir: string): Promise<Bootable> {
  const { kernel, session, referenceSession, referenceWords, machine: own, console } = system.profiles[name] ?? {};
  const image = kernelPath(outDir, system.name, name);
  const built = kernel && (await absentAsUndefined(readFile(commandLinePath(image), 'utf8')));
  const direct = kernel && { image, commandLine: built?.trimEnd() ?? kernel.commandLine };
  const { debugExit, ...rest } = { ...system.machine, ...own, ...(direct && { kernel: direct }) };
  // The exit status of the machine is meaningful only with the page's own kernel.
  const machine = console || !debugExit ? rest : { ...rest, debugExit };
  const sessions = { ...(session && { session }), ...(referenceSession && { referenceSession }) };
  return { ...system, machine, ...(console && { console }), ...sessions, ...(referenceWords !== undefined && { referenceWords }) };
}

/** Returns the console rules of a page. */
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
 * Returns the user's folder that the sandbox shows as the common folder when it builds the kernel of a
 * checkout: the repository of the checkout, or the checkout itself. `folder` may be that of the generated
 * program below the checkout.
 */
export function ownFolder(folder: string): string {
  const checkout = checkoutOf(folder);
  for (let at = checkout; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (at === dirname(at)) return checkout;
  }
}

/** Returns the folder of a checkout. `folder` may be that of the generated program below it. */
export function checkoutOf(folder: string): string {
  return folder.replace(/\/target\/osdk\/[^/]*$/, '');
}
