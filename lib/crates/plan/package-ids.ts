// Ids of packages in a unit graph. Cargo before 1.86 or so prints them in the form of old lock files ("p 0.1.0 (path+file:///p)"), although its
// metadata has package id specifications ("path+file:///p#0.1.0"). Everything after this module sees the second form. Pure.
import type { Package } from '../cargo/package.ts';
import type { UnitGraph } from './unit-graph.ts';

type Named = Pick<Package, 'id' | 'name' | 'version' | 'source'>;

/** The graph with the ids of `packages`. An id that no package has in either form is left as it is. */
export function withMetadataIds(graph: UnitGraph, packages: readonly Named[]): UnitGraph {
  if (!graph.units.some(({ pkgId }) => isOldId(pkgId))) return graph;
  const known = new Map(packages.map((one) => [oldIdOf(one), one.id]));
  return { ...graph, units: graph.units.map((unit) => ({ ...unit, pkgId: known.get(unit.pkgId) ?? unit.pkgId })) };
}

/** "p 0.1.0 (path+file:///p)". A package id specification is a URL, which has no blanks. */
function isOldId(id: string): boolean {
  return /^\S+ \S+ \(.+\)$/.test(id);
}

/** The source of a package in a folder is not in the metadata, but its id begins with it: "path+file:///p#0.1.0". */
function oldIdOf({ id, name, version, source }: Named): string {
  return `${name} ${version} (${source ?? id.slice(0, id.lastIndexOf('#'))})`;
}
