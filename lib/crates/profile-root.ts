// Which of cargo's two profiles another one comes from in the end: build scripts are told by PROFILE, and nothing else of cargo's
// answers says it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { absentAsUndefined } from '../core/errors.ts';
import type { CargoConfig } from './cargo-config.ts';

export type ProfileRoot = 'debug' | 'release';

/** The root of a profile of a workspace. Cargo has read both files before and refused what is wrong in them. */
export async function profileRoot(profile: string, workspaceRoot: string, config: CargoConfig): Promise<ProfileRoot> {
  const text = await absentAsUndefined(readFile(join(workspaceRoot, 'Cargo.toml'), 'utf8'));
  const manifest: { profile?: CargoConfig['profile'] } = text === undefined ? {} : parse(text);
  return rootOf(profile, (name) => config.profile?.[name]?.inherits ?? manifest.profile?.[name]?.inherits);
}

/** Follows `inherits`; "system" is our own release. */
export function rootOf(profile: string, inherits: (name: string) => string | undefined): ProfileRoot {
  const seen = new Set<string>();
  for (let name = profile; !seen.has(name); seen.add(name), name = inherits(name) ?? 'release') {
    if (['dev', 'test', 'debug'].includes(name)) return 'debug';
    if (['release', 'bench', 'system'].includes(name)) return 'release';
  }
  return 'release';
}
