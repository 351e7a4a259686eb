// Loads the page of a system.
import { cannot } from '../core/errors.ts';
import { findPage, importPage } from './find-page.ts';
import type { PagePlace } from './find-page.ts';
import type { MachinePage, System } from './system.ts';

export type LoadedSystem = System & PagePlace;

/** A page that may have no components: then it only describes a machine and its console, or a console alone. */
export type LoadedPage = MachinePage & Partial<System> & PagePlace;

/** Loads a page, by a name or an absolute path. */
export async function loadPage(root: string, word: string): Promise<LoadedPage> {
  const place = await findPage(root, word);
  const page = (await importPage(place)) as MachinePage & Partial<System>;
  return { ...page, ...place };
}

/** Loads the page of a system that is built here. */
export async function loadSystem(root: string, word: string): Promise<LoadedSystem> {
  const page = await loadPage(root, word);
  const { components, profiles, machine } = page;
  if (components && profiles && machine) return { ...page, components, profiles, machine };
  throw cannot(`build ${page.name}`, 'its page has no components', { blame: 'usage', hint: 'test-boot.ts boots an image of it, or judges a recording' });
}
