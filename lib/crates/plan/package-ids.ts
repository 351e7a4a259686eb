// Converts ids of packages in a unit graph. Cargo before about 1.86 prints them in the form of old lock files
// ("p 0.1.0 (path+file:///p)"), although its metadata has package id specifications ("path+file:///p#0.1.0").
// All later modules use the second form. Pure.
import type { Package } from '../cargo/package.ts';
import type { UnitGraph } from './unit-graph.ts';

type Named = Pick<Package, 'id' | 'name' | 'version' | 'source'>;

/**
 * Returns the graph with the ids of `packages`. An id that matches no package in either form is left
 * unchanged.
 */
export function withMetadataIds(graph: UnitGraph, packages: readonly Named[]): UnitGraph {
  if (!graph.units.some(({ pkgId }) => isOldId(pkgId))) return graph;
  const known = new Map(packages.map((one) => [oldIdOf(one), one.id]));
  return { ...graph, units: graph.units.map((unit) => ({ ...unit, pkgId: known.get(unit.pkgId) ?? unit.pkgId })) };
}

/** Whether an id is "p 0.1.0 (path+file:///p)". A package id specification is a URL, which contains no spaces. */
function isOldId(id: string): boolean {
  return /^\S+ \S+ \(.+\)$/.test(id);
}

/** The metadata has no source for a package in a folder, but its id begins with it: "path+file:///p#0.1.0". */
function oldIdOf({ id, name, version, source }: Named): string {
  return `${name} ${version} (${source ?? id.slice(0, id.lastIndexOf('#'))})`;
}
