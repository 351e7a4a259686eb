// The rooms of lib/ and which rooms each may import from. One table; ARCHITECTURE.md tells the reasons.
import { posix } from 'node:path';
import { complaint, isTest } from './rule.ts';
import type { Rule } from './rule.ts';
import { importsOf } from './source-text.ts';

const parts = ['core', 'cache', 'build', 'crates', 'upstream', 'cookbook', 'image', 'rootfs', 'closure', 'osdk', 'machine', 'console'] as const;

/** A room imports from itself and from these. */
export const roomsBelow: Readonly<Record<string, readonly string[]>> = {
  core: [],
  cache: ['core'],
  build: ['core', 'cache'],
  crates: ['core', 'cache', 'build'],
  upstream: ['core', 'cache'],
  cookbook: ['core', 'cache', 'build', 'crates', 'upstream'],
  image: ['core'],
  rootfs: ['core', 'image'],
  closure: ['core'],
  osdk: ['core'],
  machine: ['core'],
  console: ['core'],
  system: parts,
  dev: ['core'],
  face: [...parts, 'system', 'dev'],
  tidy: ['core'],
};

/** A room that is not in the table, an import upwards or across, and any import from outside of lib/ (tests may use fixtures and the pages of systems). */
export const layering: Rule = (file) => {
  const room = roomOf(file.path);
  if (room === undefined) return [];
  const below = roomsBelow[room];
  if (!below) return [complaint(file, 1, `"${room}" is not a room of lib/; the rooms are ${Object.keys(roomsBelow).join(', ')}`)];
  return importsOf(file.text)
    .filter(({ name }) => name.startsWith('.'))
    .flatMap(({ name, line }) => {
      const target = posix.join(posix.dirname(file.path), name);
      const other = roomOf(target);
      if (!name.endsWith('.ts')) return [complaint(file, line, `"${name}" has no .ts at its end; Node takes imports as they are written`)];
      if (isTest(file.path) && /^(?:fixtures|systems)\//.test(target)) return [];
      if (other === undefined) return [complaint(file, line, `lib/ does not import "${target}", which is outside of it`)];
      if (other === room || below.includes(other)) return [];
      return [complaint(file, line, `${room} does not import from ${other}; it may import from ${below.join(', ') || 'no other room'}`)];
    });
};

/** "core" of "lib/core/sh.ts"; undefined for what lies outside of lib/ or in none of its rooms. */
function roomOf(path: string): string | undefined {
  return /^lib\/([^/]+)\/[^/]+$/.exec(path)?.[1];
}
