// The memory of the digests of files, for the next run: a line for each path with the value that is known of it. It is kept in many small files,
// and all paths of one folder are in the same one: to look at a few outputs or one edited package must not cost the reading of everything that
// was ever built on the machine. It only saves work: a part that is damaged counts as empty.
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestBytes } from '../../core/digest.ts';
import { recordBody } from '../records.ts';

export interface DigestMemory {
  /** What is known of a path, now or from an earlier run. */
  get(path: string): string | undefined;
  /** Whether an earlier run left a value of a path. */
  wasKnown(path: string): boolean;
  /** Takes a value that is remembered elsewhere, unless this run knows one already. Alone it is not worth writing anything. */
  take(path: string, value: string): void;
  /** Takes a new value. */
  learn(path: string, value: string): void;
  /** Writes the parts in which something was learned. */
  save(): Promise<void>;
}

interface Part {
  /** Two hexadecimal digits. */
  readonly name: string;
  /** What this run asked for and learned. */
  readonly used: Map<string, string>;
  /** What earlier runs left, once it was read. */
  stored: ReadonlyMap<string, string> | undefined;
  learned: boolean;
}

/**
 * Paths that a part holds. There are 256 parts, so all of them hold the files of some ten sets of large projects; more would cost every build
 * that reads them.
 */
const mostInPart = 500;

/** Opens the memory in the folder `dir`; `tmpDir` is on the same file system. */
export function openDigestMemory(dir: string, tmpDir: string): DigestMemory {
  const parts = new Map<string, Part>();
  const byFolder = new Map<string, Part>();
  const partOf = (path: string): Part => {
    const folder = dirname(path);
    const before = byFolder.get(folder);
    if (before) return before;
    const name = digestBytes(folder).slice(0, 2);
    const part = parts.get(name) ?? { name, used: new Map<string, string>(), stored: undefined, learned: false };
    parts.set(name, part);
    byFolder.set(folder, part);
    return part;
  };
  const stored = (part: Part): ReadonlyMap<string, string> => (part.stored ??= load(join(dir, part.name)));
  return {
    get(path) {
      const part = partOf(path);
      const now = part.used.get(path);
      if (now !== undefined) return now;
      const before = stored(part).get(path);
      if (before !== undefined) part.used.set(path, before);
      return before;
    },
    wasKnown: (path) => stored(partOf(path)).has(path),
    take(path, value) {
      const { used } = partOf(path);
      if (!used.has(path)) used.set(path, value);
    },
    learn(path, value) {
      const part = partOf(path);
      if (part.used.get(path) === value) return;
      part.used.set(path, value);
      part.learned = true;
    },
    async save() {
      const learned = [...parts.values()].filter((part) => part.learned);
      if (learned.length > 0) await mkdir(dir, { recursive: true });
      for (const part of learned) {
        // What was used now first; of the rest what was used latest, as far as there is room.
        const others = [...stored(part)].filter(([path]) => !part.used.has(path));
        const rows = [...part.used, ...others].slice(0, Math.max(mostInPart, part.used.size));
        const text = rows.map(([path, value]) => `${path}\t${value}`).join('\n');
        const partial = join(tmpDir, `digests-${part.name}.partial`);
        await writeFile(partial, `${digestBytes(text)}\n${text}`);
        await rename(partial, join(dir, part.name));
        part.learned = false;
      }
    },
  };
}

function load(file: string): Map<string, string> {
  let text: string | undefined;
  try {
    text = recordBody(readFileSync(file));
  } catch {
    // it is not there
  }
  if (text === undefined) return new Map();
  const rows = text.split('\n').map((line) => line.split('\t'));
  return new Map(rows.flatMap(([path, value]) => (path && value ? [[path, value] as const] : [])));
}
