// The live variant of a system: its bootloader copies the whole root file system into memory, and the kernel uses that copy.
import { cannot } from '../core/errors.ts';
import type { CargoBuild } from './component.ts';
import type { System } from './system.ts';

/** Returns the system with its live image. A system without a live variant is a Failure. */
export function liveSystem(system: System): System {
  const { live } = system;
  const component = live && system.components[live.component];
  if (!component) throw cannot(`build a live image of ${system.name}`, 'its page has no such variant', { blame: 'usage' });
  const withFeatures = (cargo: CargoBuild): CargoBuild => ({ ...cargo, features: [...(cargo.features ?? []), ...live.features] });
  const { cargo, upstream } = component;
  const changed = {
    ...component,
    cargo: withFeatures(cargo),
    ...(upstream?.cargo && { upstream: { ...upstream, cargo: withFeatures(upstream.cargo) } }),
  };
  return { ...system, components: { ...system.components, [live.component]: changed } };
}
