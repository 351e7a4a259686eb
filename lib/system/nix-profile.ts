// The part of a page about profiles that Nix builds. This module does not use Nix, because most builds do not
// need it.
import { cannot, nearest } from '../core/errors.ts';
import type { NixBase, NixProfile } from './image-facts.ts';
import type { System } from './system.ts';

/** Returns the facts and the profile for Nix. A system or a profile without them is a Failure (usage). */
export function nixBaseOf({ name, nixBase }: System, profile: string): { readonly base: NixBase; readonly profile: NixProfile } {
  const what = `build ${name} on the base nix`;
  if (!nixBase) throw cannot(what, 'its page has no such base', { blame: 'usage' });
  const found = nixBase.profiles[profile];
  if (found) return { base: nixBase, profile: found };
  const names = Object.keys(nixBase.profiles);
  const near = nearest(profile, names);
  const hint = near ? `did you mean ${near}?` : undefined;
  throw cannot(what, `with Nix its profiles are ${names.join(', ')}, and not "${profile}"`, { blame: 'usage', hint });
}

/**
 * Returns the page with the components that the profile has with Nix, and without sources that no component
 * needs.
 */
export function onNix(system: System, profile: string): System {
  const { components } = nixBaseOf(system, profile).profile;
  const { sources, ...page } = system;
  const given = system.profiles[profile] ?? { title: 'a closure of Nix', cargoProfile: 'system' };
  const fetches = components.some((name) => system.components[name]?.debian);
  return { ...page, ...(fetches && sources && { sources }), profiles: { ...system.profiles, [profile]: { ...given, components } } };
}
