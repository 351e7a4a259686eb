// The rooms of lib/, and the rooms that each may import. This is one table; ARCHITECTURE.md has the reasons.
// A room is a folder of lib/ with its subfolders.
import { posix } from 'node:path';
import { complaint, isTest } from './rule.ts';
import type { Complaint, Rule, SourceFile } from './rule.ts';
import { importsOf } from '../../core/modules/source-text.ts';

const formats = ['core', 'image', 'closure', 'nix', 'osdk', 'machine', 'console', 'configuration'] as const;
const compiling = ['core', 'cache', 'actions', 'crates', 'upstream', 'cookbook'] as const;
const systems = ['system', 'sources', 'rootfs', 'assemble', 'boot', 'host', 'watch'] as const;

/** A room imports from itself and from these rooms. */
export const roomsBelow: Readonly<Record<string, readonly string[]>> = {
  core: [],
  cache: ['core'],
  actions: ['core', 'cache'],
  upstream: ['core', 'cache'],
  crates: ['core', 'cache', 'actions'],
  cookbook: ['core', 'cache', 'actions', 'crates', 'upstream'],
  image: ['core'],
  configuration: ['core', 'image'],
  closure: ['core'],
  nix: ['core', 'closure'],
  osdk: ['core'],
  machine: ['core'],
  console: ['core'],
  system: ['core', 'console', 'machine', 'osdk'],
  sources: ['core', 'cache', 'upstream', 'system'],
  rootfs: ['core', 'cache', 'actions', 'image', 'closure', 'nix', 'machine', 'system', 'sources'],
  assemble: [...compiling, 'image', 'configuration', 'system', 'sources', 'rootfs'],
  boot: ['core', 'console', 'machine', 'osdk', 'system'],
  host: ['core', 'actions', 'crates', 'machine', 'sources'],
  watch: ['core', 'crates'],
  report: ['core', 'cache', 'crates', 'console', 'system', 'assemble', 'boot', 'host'],
  cli: [...compiling, ...formats, ...systems, 'report'],
  // For maintainers of the project. Only their tasks, and tests, import it.
  dev: [...compiling, ...formats, ...systems, 'report', 'cli'],
};

/** Greatest number of modules in one folder, without tests. */
const mostModules = 20;

/**
 * Reports a room that is not in the table, a forbidden import between rooms, and an import from outside of
 * lib/. A test may import anything: it is next to the code that it tests, even if it needs a whole system.
 */
export const layering: Rule = (file) => {
  const room = roomOf(file.path);
  if (room === undefined) return [];
  const relative = importsOf(file.text).filter(({ name }) => name.startsWith('.'));
  const bare = relative.filter(({ name }) => !name.endsWith('.ts'));
  const endings = bare.map(({ name, line }) => complaint(file, line, `"${name}" has no .ts at its end; Node does not complete imports`));
  const below = roomsBelow[room];
  if (!below) return [complaint(file, 1, `"${room}" is not a room of lib/; the rooms are ${Object.keys(roomsBelow).join(', ')}`)];
  if (isTest(file.path)) return endings;
  return [
    ...endings,
    ...relative.flatMap(({ name, line }) => {
      const target = posix.join(posix.dirname(file.path), name);
      const other = roomOf(target);
      if (other === undefined) return [complaint(file, line, `lib/ does not import "${target}", which is outside of it`)];
      if (other === room || below.includes(other)) return [];
      return [complaint(file, line, `${room} does not import from ${other}; it may import from ${below.join(', ') || 'no other room'}`)];
    }),
  ];
};

/**
 * Returns "core" for "lib/core/sh.ts", "image" for "lib/image/fat/reader.ts", and undefined for files outside
 * of lib/ or in no room.
 */
export function roomOf(path: string): string | undefined {
  return /^lib\/([^/]+)\/(?:[^/]+\/)?[^/]+$/.exec(path)?.[1];
}

/** Reports modules of lib/ that are in no room or deeper than two levels, and folders with too many modules. */
export function crowded(files: readonly SourceFile[]): readonly Complaint[] {
  const modules = files.filter(({ path }) => path.startsWith('lib/') && !isTest(path));
  const folders = Map.groupBy(modules, ({ path }) => posix.dirname(path));
  return [
    ...modules
      .filter(({ path }) => roomOf(path) === undefined)
      .map((file) => complaint(file, 1, 'it is in no room: lib/ROOM/ or lib/ROOM/FOLDER/')),
    ...[...folders]
      .filter(([, inside]) => inside.length > mostModules)
      .map(([path, inside]) =>
        complaint({ path }, 1, `${inside.length} modules are more than ${mostModules}: it is more than one subject`),
      ),
  ];
}

/**
 * Reports modules that import each other in a cycle, including type imports. Each cycle is one complaint with
 * all of its files.
 */
export function circles(files: readonly SourceFile[]): readonly Complaint[] {
  const modules = new Map(files.filter(({ path }) => !isTest(path)).map((file) => [file.path, targetsOf(file)]));
  const reach = (from: string): ReadonlySet<string> => {
    const seen = new Set(modules.get(from));
    // iteration over a set includes entries that are added during it
    for (const path of seen) for (const next of modules.get(path) ?? []) seen.add(next);
    return seen;
  };
  const reached = new Map([...modules.keys()].map((path) => [path, reach(path)]));
  const inCircle = [...modules.keys()].filter((path) => reached.get(path)?.has(path));
  const named = new Set<string>();
  return inCircle.flatMap((path) => {
    if (named.has(path)) return [];
    const circle = inCircle.filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path));
    for (const one of circle) named.add(one);
    return [complaint({ path }, 1, `a circle of imports: ${circle.join(', ')}`)];
  });
}

function targetsOf({ path, text }: SourceFile): readonly string[] {
  return importsOf(text)
    .filter(({ name }) => name.startsWith('.'))
    .map(({ name }) => posix.join(posix.dirname(path), name));
}
