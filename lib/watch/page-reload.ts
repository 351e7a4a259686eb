// Loads the modules of a page anew after they were edited. Node keeps a module for as long as the process runs; a number behind its address makes it
// another one. Modules outside of the page, those of lib/ for example, stay as they are.
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const word = 'round=';
let generation = 0;
let files: ReadonlySet<string> = new Set();
let isRegistered = false;

/** From now on, imports of these files (absolute paths) read them again. Files that they import stay as they are unless they are named too. */
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

/** A message of Node's without the numbers behind addresses. */
export function withoutGeneration(message: string): string {
  return message.replaceAll(new RegExp(`\\?${word}\\d+`, 'g'), '');
}
