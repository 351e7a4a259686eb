// Loads the modules of a page again after they were edited. Node keeps a module for the lifetime of the
// process. A number after its address makes it a different module. Modules outside of the page, for example
// those of lib/, are not reloaded.
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const word = 'round=';
let generation = 0;
let files: ReadonlySet<string> = new Set();
let isRegistered = false;

/**
 * From now on, imports of these files (absolute paths) read them again. Their imports are not reloaded unless
 * they are listed too.
 */
export function reloadModules(paths: Iterable<string>): void {
  files = new Set(paths);
  generation++;
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (!found.url.startsWith('file:')) return found;
      const url = new URL(found.url);
      if (!files.has(fileURLToPath(url))) return found;
      url.search = `?${word}${generation}`;
      return { ...found, url: url.href };
    },
  });
}

/** Returns a message of Node without the numbers after addresses. */
export function withoutGeneration(message: string): string {
  return message.replaceAll(new RegExp(`\\?${word}\\d+`, 'g'), '');
}
