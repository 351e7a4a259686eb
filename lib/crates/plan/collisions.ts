// Programs that are asked for together and have one name: the last one is what is found. Cargo warns of it where it compiles, and its unit graph
// does not. Pure.
import type { PlannedUnit } from './planned-unit.ts';

/** A warning in cargo's words for each program that takes the place of another. */
export function collisions(roots: readonly PlannedUnit[]): readonly string[] {
  const first = new Map<string, PlannedUnit>();
  const warnings: string[] = [];
  for (const root of roots) {
    if (!root.unit.target.kind.includes('bin')) continue;
    const name = `${root.triple}/${root.filename ?? root.unit.target.name}`;
    const other = first.get(name);
    if (!other) first.set(name, root);
    else if (other.hash !== root.hash) warnings.push(warning(root, other));
  }
  return warnings;
}

function warning(one: PlannedUnit, other: PlannedUnit): string {
  const described = ({ owner, unit }: PlannedUnit): string =>
    `the bin target \`${unit.target.name}\` in package \`${owner.name} v${owner.version} (${owner.dir})\``;
  return [
    `warning: output filename collision at bin/${one.filename ?? one.unit.target.name}`,
    '  |',
    `  = note: ${described(one)} has the same output filename as ${described(other)}`,
    '  = help: consider changing their names to be unique or compiling them separately',
  ].join('\n');
}
