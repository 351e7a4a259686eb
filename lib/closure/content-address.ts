// Whether a store path is named by what it holds. Such a path vouches for itself: nobody can have something else under its name.
import { lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { sha256 } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { pace } from '../core/pace.ts';
import { toBase32 } from './base32.ts';
import { moduloHash } from './modulo-hash.ts';
import { narOf } from './nar-writer.ts';
import { fixedPath, plainName, sourcePath, textPath } from './store-path.ts';
import type { StoreName } from './store-path.ts';

/** A text that Nix wrote is a script, a list, a derivation: above this size a file is not tried as one. */
const largestText = 64 << 20;

/**
 * What Nix writes in the CA field for the path `name` whose files lie at `path`; undefined for one that is named otherwise (by how it is made), or
 * whose content is not the one of its name.
 */
export async function contentAddress(
  path: string,
  name: StoreName,
  storeDir: string,
  references: readonly StoreName[],
  context: Context,
): Promise<string | undefined> {
  const modulo = moduloHash(name);
  const turn = pace(context);
  for (const chunk of narOf(path)) {
    modulo.update(chunk);
    await turn(chunk.length);
  }
  const { hash, self } = modulo.finish();
  const others = references.filter((reference) => reference !== name);
  if (sourcePath(storeDir, plainName(name), hash, { others, self }) === name) return `fixed:r:sha256:${base32Of(hash)}`;

  const there = lstatSync(path);
  if (!there.isFile() || there.size > largestText) return undefined;
  const bytes = await readFile(path);
  const flat = sha256().update(bytes).digest('hex');
  if (textPath(storeDir, plainName(name), bytes, references) === name) return `text:sha256:${base32Of(flat)}`;
  // References are no part of such a name, so it cannot vouch for any.
  return references.length === 0 && fixedPath(storeDir, plainName(name), '', 'sha256', flat) === name
    ? `fixed:sha256:${base32Of(flat)}`
    : undefined;
}

function base32Of(hex: string): string {
  return toBase32(Buffer.from(hex, 'hex'));
}
