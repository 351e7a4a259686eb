// What a boot is about: which system, which of its images, which rules judge it. Reads the system's page; starts nothing.
import { access, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ConsoleRules } from '../console/rules.ts';
import { byCodeUnit } from '../core/digest.ts';
import { absentAsUndefined, cannot } from '../core/errors.ts';
import type { MachineDescription } from '../machine/machine.ts';
import type { GuestSession } from '../system/guest-session.ts';
import type { ImageFacts } from '../system/image-facts.ts';
import { checkoutOf, ownFolder } from '../system/checkout-folder.ts';
import { commandLinePath, imageFileName, kernelPath } from '../system/output-paths.ts';
import { defaultProfile, loadSystem, profileOf, systemNames, unknownSystem } from '../system/system.ts';
import type { System } from '../system/system.ts';

/** What of a system booting it needs: also of one that is not built here, and has no more than systems/<name>/{console,machine}.ts. */
export interface Bootable extends Pick<System, 'name' | 'title' | 'machine' | 'console' | 'reference' | 'schemes'> {
  /** What is done in the guest when it has booted. */
  readonly session?: GuestSession;
  /** The same with another kernel of the page. */
  readonly referenceSession?: GuestSession;
  /** The command line of such a kernel, where the image is a disk with a boot loader. */
  readonly referenceWords?: string;
}

export interface BootTarget {
  readonly system: Bootable;
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
  /** The project's folder: systems/ and out/ are there. */
  readonly root: string;
  readonly system: string;
  /** undefined: the system's default. */
  readonly profile: string | undefined;
  /** An image elsewhere, absolute. */
  readonly image: string | undefined;
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
export async function bootTarget({ root, system: name, profile, image }: BootWords): Promise<BootTarget> {
  const { profile: chosen, facts, ...system } = await bootable(root, name, profile, image);
  const path = image ?? join(root, 'out', imageFileName(`${name}-${chosen}`, facts));
  const stem = basename(path, extname(path));
  const log = join(root, 'out', 'logs', `${stem.startsWith(`${name}-`) ? stem : `${name}-${stem}`}.log`);
  return { system, image: path, log, ...(await symbolsOf(system, chosen, dirname(path))) };
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
  const text = await absentAsUndefined(readFile(`${stem}.json`, 'utf8'));
  const manifest = (text === undefined ? {} : JSON.parse(text)) as { components?: Record<string, { source?: { kind?: string; path?: string } }> };
  const source = manifest.components?.[kernel.made.split('/')[0] ?? '']?.source;
  if (source?.kind !== 'local' || source.path === undefined) return { symbols: path };
  return { symbols: path, sourceFolder: ownFolder(source.path), checkout: checkoutOf(source.path) };
}

/** A system, or the console and the machine alone of one that is not built here. */
async function bootable(
  root: string,
  name: string,
  profile: string | undefined,
  image: string | undefined,
): Promise<Bootable & { readonly profile: string; readonly facts?: ImageFacts | undefined }> {
  const file = await pageOf(root, name, 'machine');
  if (file === undefined) {
    const names = await bootableNames(root);
    if (!names.includes(name)) throw unknownSystem(name, names);
    const system = await loadSystem(root, name);
    const chosen = profile ?? defaultProfile(system);
    if (image === undefined) profileOf(system, chosen);
    const facts = system.profiles[chosen]?.image ?? system.image;
    return { ...(await withProfile(system, chosen, image === undefined ? join(root, 'out') : dirname(image))), profile: chosen, facts };
  }
  const page: { machine: MachineDescription } = await import(pathToFileURL(file).href);
  return { name, title: name, machine: page.machine, console: await consoleRules(root, name), profile: profile ?? 'default' };
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

/** Systems that are built here, and folders of systems/ that have a machine. */
async function bootableNames(root: string): Promise<readonly string[]> {
  const { globby } = await import('globby'); // takes longer to load than most builds with nothing new take
  const pages = await globby('*/machine.ts', { cwd: join(root, 'systems') });
  return [...new Set([...(await systemNames(root)), ...pages.map(dirname)])].sort(byCodeUnit);
}

/** The console rules of a system, or those of systems/<name>/console.ts alone where there is no system to boot (firmware). */
export async function consoleRules(root: string, name: string): Promise<ConsoleRules> {
  const file = await pageOf(root, name, 'console');
  if (file === undefined) return (await loadSystem(root, name)).console;
  const page: { console: ConsoleRules } = await import(pathToFileURL(file).href);
  return page.console;
}

/** systems/<name>/<part>.ts where there is no systems/<name>.ts that has it. */
async function pageOf(root: string, name: string, part: string): Promise<string | undefined> {
  const file = join(root, 'systems', name, `${part}.ts`);
  const known = (await systemNames(root)).includes(name);
  return known || !/^[\w-]+$/.test(name) || !(await exists(file)) ? undefined : file;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
