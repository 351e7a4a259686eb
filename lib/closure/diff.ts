// Compares two closures by the names in them, ignoring hashes: packages that were added, removed or changed
// their version, and the change in size. Similar to `nix store diff-closures`. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import type { Closure, ClosureNode, NodeKind } from './graph.ts';

export interface PackageChange {
  readonly name: string;
  readonly kind: NodeKind;
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  /** Sorted, without duplicates. '' is a package without a version. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Returns a change for every name in either closure that differs. "changed": other versions or other sizes. */
export function packageDiff(before: Closure, after: Closure): readonly PackageChange[] {
  const [left, right] = [byName(before), byName(after)];
  return [...new Set([...left.keys(), ...right.keys()])].sort(byCodeUnit).map((name) => {
    const [a, b] = [left.get(name) ?? [], right.get(name) ?? []];
    const change = { before: versionsOf(a), after: versionsOf(b), bytesBefore: bytesOf(a), bytesAfter: bytesOf(b) };
    const same = change.before.join('\n') === change.after.join('\n') && change.bytesBefore === change.bytesAfter;
    const kind = (a[0] ?? b[0])?.kind ?? 'package';
    return { name, kind, change: a.length === 0 ? 'added' : b.length === 0 ? 'removed' : same ? 'same' : 'changed', ...change };
  });
}

/** Returns "a: 1.0 → 2.0". ∅ means absent, ε means without a version. */
export function versionsText(before: readonly string[], after: readonly string[]): string {
  return `${versionText(before)} → ${versionText(after)}`;
}

export function versionText(versions: readonly string[]): string {
  return versions.length === 0 ? '∅' : versions.map((version) => version || 'ε').join(', ');
}

function byName({ nodes }: Closure): ReadonlyMap<string, readonly ClosureNode[]> {
  return Map.groupBy(nodes.values(), ({ name }) => name);
}

function versionsOf(nodes: readonly ClosureNode[]): readonly string[] {
  return [...new Set(nodes.map(({ version }) => version))].sort(byCodeUnit);
}

function bytesOf(nodes: readonly ClosureNode[]): number {
  return nodes.reduce((sum, { bytes }) => sum + bytes, 0);
}
