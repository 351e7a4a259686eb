// The text that the user wrote for a package: what it spells may be shown although it is beside the user's folders (lib/actions/sandbox/accesses.ts).
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isWithin } from './own-trees.ts';

/** Files of a package that are larger, and more of them, are not searched. */
const largestFile = 1 << 18;
const mostFiles = 5000;

/** Everything readable in the package's folder, without nested packages and target folders, and cargo's configuration above it in its tree. */
export function ownText(packageDir: string, roots: readonly string[]): string {
  const texts: string[] = [];
  const read = (path: string): void => {
    const text = readFileSync(path);
    if (!text.includes(0)) texts.push(text.toString('utf8'));
  };
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (texts.length >= mostFiles) return;
      if (entry.isFile() && statSync(path).size <= largestFile) attempt(() => read(path));
      const nested = entry.name === 'target' || entry.name === '.git' || isPackage(path) || isMade(path);
      if (entry.isDirectory() && !nested) attempt(() => visit(path));
    }
  };
  attempt(() => visit(packageDir));
  for (let folder = packageDir; roots.some((one) => isWithin(folder, one)) && folder !== dirname(folder); folder = dirname(folder)) {
    for (const name of ['config.toml', 'config']) attempt(() => read(join(folder, '.cargo', name)));
    if (folder !== packageDir) attempt(() => read(join(folder, 'Cargo.toml')));
  }
  return texts.join('\n');
}

/** A target folder of another name, and files that a compilation wrote (publish.ts): third-party code may have written their text. */
function isMade(folder: string): boolean {
  return statSync(join(folder, 'CACHEDIR.TAG'), { throwIfNoEntry: false }) !== undefined;
}

function isPackage(folder: string): boolean {
  return statSync(join(folder, 'Cargo.toml'), { throwIfNoEntry: false }) !== undefined;
}

/** What cannot be read spells nothing. */
function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // not readable, or gone
  }
}
