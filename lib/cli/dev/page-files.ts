// The modules that a page consists of.
import { join } from 'node:path';
import { realPath } from '../../watch/real-paths.ts';
import { isIn } from '../../watch/watch-set.ts';
import { importClosure } from '../../core/modules/import-closure.ts';

/**
 * Returns the page and its imports as absolute paths without links, except for modules in the folder `lib` of
 * the builder.
 */
export async function pageFiles(page: string, lib: string): Promise<readonly string[]> {
  const { files } = await importClosure('/', [page.slice(1)]);
  return files.map((file) => realPath(join('/', file))).filter((file) => !isIn(file, realPath(lib)));
}
