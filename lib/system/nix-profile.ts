// What the page of a system says of a profile on the base nix. Knows no Nix: most builds have another base.
import { cannot, nearest } from '../core/errors.ts';
import type { NixBase, NixProfile } from './image-facts.ts';
import type { System } from './system.ts';

/** The base and its profile; a system or a profile without is a Failure (usage). */
export function nixBaseOf({ name, nixBase }: System, profile: string): { readonly base: NixBase; readonly profile: NixProfile } {
  const what = `build ${name} on the base nix`;
  if (!nixBase) throw cannot(what, 'its page has no such base', { blame: 'usage' });
  const found = nixBase.profiles[profile];
  if (found) return { base: nixBase, profile: found };
  const names = Object.keys(nixBase.profiles);
  const near = nearest(profile, names);
  const hint = near ? `did you mean ${near}?` : undefined;
  throw cannot(what, `there its profiles are ${names.join(', ')}, and not "${profile}"`, { blame: 'usage', hint });
}

/** The page with the components that the profile has on that base, and no sources that none of them needs. */
export function onNix(system: System, profile: string): System {
  const { components } = nixBaseOf(system, profile).profile;
  const { sources, ...page } = system;
  const given = system.profiles[profile] ?? { title: 'a closure of Nix', cargoProfile: 'system' };
  const fetches = components.some((name) => system.components[name]?.debian);
  return { ...page, ...(fetches && sources && { sources }), profiles: { ...system.profiles, [profile]: { ...given, components } } };
}
