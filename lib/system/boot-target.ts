// What a boot is about: which system, which of its images, which rules judge it. Reads the system's page; starts nothing.
import { access } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ConsoleRules } from '../console/rules.ts';
import { cannot } from '../core/errors.ts';
import { loadSystem, systemNames } from './system.ts';
import type { System } from './system.ts';

export interface BootTarget {
  readonly system: System;
  /** Absolute. */
  readonly image: string;
  /** Where the transcript goes unless the person names another file. */
  readonly log: string;
}

export interface BootWords {
  /** The project's folder: systems/ and out/ are there. */
  readonly root: string;
  readonly system: string;
  readonly profile: string;
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
  const system = await loadSystem(root, name);
  const path = image ?? join(root, 'out', `${name}-${profile}.img`);
  const stem = basename(path, extname(path));
  const log = join(root, 'out', 'logs', `${stem.startsWith(`${name}-`) ? stem : `${name}-${stem}`}.log`);
  return { system, image: path, log };
}

/** The console rules of a system, or those of systems/<name>/console.ts alone where there is no system to boot (firmware). */
export async function consoleRules(root: string, name: string): Promise<ConsoleRules> {
  const file = join(root, 'systems', name, 'console.ts');
  const known = (await systemNames(root)).includes(name);
  if (known || !/^[\w-]+$/.test(name) || !(await exists(file))) return (await loadSystem(root, name)).console;
  const page: { console: ConsoleRules } = await import(pathToFileURL(file).href);
  return page.console;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
