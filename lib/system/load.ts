// Loads the page of a system.
import { existsSync } from 'node:fs';
import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { cannot } from '../core/errors.ts';
import { remembered } from '../core/remembered.ts';
import type { Witnessed } from '../core/remembered.ts';
import { findPage, importPage } from './find-page.ts';
import type { ExportedPage, PagePlace } from './find-page.ts';
import type { MachinePage, System } from './system.ts';

export type LoadedSystem = System & PagePlace;

/** A page that may have no components: then it only describes a machine and its console, or a console alone. */
export type LoadedPage = MachinePage & Partial<System> & PagePlace;

/**
 * Loads and checks a page by a name or an absolute path. Every mistake is a Failure. A successful check is
 * memoized in `cacheDir`, because loading the modules that check a page takes longer than a build without
 * changes.
 */
export async function loadPage(root: string, word: string, cacheDir?: string): Promise<LoadedPage> {
  const place = await findPage(root, word);
  const page = await importPage(place);
  const check = async (): Promise<Witnessed<true>> => {
    const { checkingModules, checkPage } = await import('./check/check-page.ts');
    checkPage(page, place.file);
    return { value: true, witnesses: checkingModules() };
  };
  const digest = cacheDir === undefined || !existsSync(cacheDir) ? undefined : digestOf(page);
  if (cacheDir === undefined || digest === undefined) await check();
  else await remembered(cacheDir, 'page', { page: digest, checks: import.meta.dirname }, check, isTrue);
  return { ...(page as MachinePage & Partial<System>), ...place };
}

function isTrue(value: unknown): value is true {
  return value === true;
}

/**
 * Returns the digest of a page without the texts of its patterns, which no check looks at. Values that JSON leaves out or confuses with others are written as
 * their type. Returns undefined for a page that cannot be read to its end; the check reports why.
 */
function digestOf(page: ExportedPage): Digest | undefined {
  const written = (_: string, value: unknown): unknown => {
    if (value instanceof RegExp) return { type: 'pattern' };
    return ['function', 'bigint', 'symbol'].includes(typeof value) ? { type: typeof value } : value;
  };
  try {
    return digestBytes(JSON.stringify(page, written));
  } catch {
    return undefined;
  }
}

/** Loads the page of a system that is built here. */
export async function loadSystem(root: string, word: string, cacheDir?: string): Promise<LoadedSystem> {
  const page = await loadPage(root, word, cacheDir);
  const { components, profiles, machine } = page;
  if (components && profiles && machine) return { ...page, components, profiles, machine };
  throw cannot(`build ${page.name}`, 'its page has no components', {
    blame: 'usage',
    hint: 'test-boot.ts boots an image of it, or judges a recording',
  });
}
