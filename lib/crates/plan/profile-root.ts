// Which of cargo's two profiles another one comes from in the end: build scripts are told by PROFILE, and nothing else of cargo's
// answers says it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAsUndefined } from '../../core/errors.ts';
import type { CargoConfig } from '../cargo/cargo-config.ts';
import { parseToml, tableOf } from '../cargo/config-files.ts';

/** Cargo's own, and ours for images: no manifest says what they come from. */
const builtIn = new Set(['dev', 'test', 'debug', 'release', 'bench', 'system']);

export type ProfileRoot = 'debug' | 'release';

/** The root of a profile of a workspace. Cargo has read both files before and refused what is wrong in them. */
export async function profileRoot(profile: string, workspaceRoot: string, config: CargoConfig): Promise<ProfileRoot> {
  if (builtIn.has(profile)) return rootOf(profile, () => undefined);
  const text = await absentAsUndefined(readFile(join(workspaceRoot, 'Cargo.toml'), 'utf8'));
  const profiles = tableOf((text === undefined ? {} : parseToml(text))['profile']);
  return rootOf(profile, (name) => {
    const inherits = config.profile?.[name]?.inherits ?? tableOf(profiles[name])['inherits'];
    return typeof inherits === 'string' ? inherits : undefined;
  });
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
