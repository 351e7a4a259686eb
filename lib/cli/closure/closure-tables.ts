// Formats closures as lines for users and as objects for --json.
import type { Json } from '../../core/digest.ts';
import { formatBytes } from '../../core/sizes.ts';
import { closureBytes, closureSizes, nodeOf, referencesFirst, sizesByKind } from '../../closure/graph.ts';
import { versionsText, versionText } from '../../closure/diff.ts';
import type { PackageChange } from '../../closure/diff.ts';
import { isStoreName, plainName } from '../../nix/store/store-path.ts';
import type { NamedClosure } from './closure-argument.ts';

/** Number of the largest differences that `size A B` prints. */
const shownDifferences = 20;

/**
 * Returns a line for every node with its own bytes and those of its closure, dependencies first, then the
 * sum, as in `nix path-info -rsS`.
 */
export function sizeLines({ closure }: NamedClosure): readonly string[] {
  const sizes = closureSizes(closure);
  const rows = referencesFirst(closure).map((id) => [id, String(nodeOf(closure, id).bytes), String(sizes.get(id) ?? 0)]);
  return [...table([['', 'bytes', 'with all below'], ...rows]), '', `${closure.nodes.size} in all, ${formatBytes(closureBytes(closure))}`];
}

/** Compares two closures by kind and by the packages that differ most. */
export function comparisonLines(a: NamedClosure, b: NamedClosure, changes: readonly PackageChange[]): readonly string[] {
  const kinds = new Map([...sizesByKind(a.closure), ...sizesByKind(b.closure)].map(({ kind }) => [kind, kind] as const));
  const row = (label: string, left: Count, right: Count): string[] => {
    return [
      label,
      String(left.nodes),
      formatBytes(left.bytes),
      String(right.nodes),
      formatBytes(right.bytes),
      signedBytes(right.bytes - left.bytes),
    ];
  };
  const none = { nodes: 0, bytes: 0 };
  const rows = [...kinds.keys()].map((kind) => {
    const [left, right] = [a, b].map(({ closure }) => sizesByKind(closure).find((size) => size.kind === kind) ?? none);
    return row(`${kind}s`, left ?? none, right ?? none);
  });
  const [left, right] = [a, b].map(({ closure }) => ({ nodes: closure.nodes.size, bytes: closureBytes(closure) }));
  const largest = changes
    .filter(({ change }) => change !== 'same')
    .sort((x, y) => Math.abs(y.bytesAfter - y.bytesBefore) - Math.abs(x.bytesAfter - x.bytesBefore));
  const shown = largest.slice(0, shownDifferences).map(changeLine);
  const rest = largest.length - shown.length;
  return [
    ...table([['', '', heading(a), '', heading(b), 'difference'], ...rows, row('in all', left ?? none, right ?? none)]),
    ...(shown.length > 0 ? ['', ...shown] : []),
    ...(rest > 0 ? [`and ${rest} smaller differences: closure.ts packages ${a.name} ${b.name}`] : []),
  ];
}

/** Returns the heading. A store path is shown by its plain name, because full names are wider than a screen. */
function heading({ name, closure, storeDir }: NamedClosure): string {
  return storeDir !== undefined && isStoreName(closure.root) ? plainName(closure.root) : name;
}

interface Count {
  readonly nodes: number;
  readonly bytes: number;
}

/** Returns "coreutils: 9.7 → ∅, -17.6 MiB", as in `nix store diff-closures`. */
export function changeLine({ name, before, after, bytesBefore, bytesAfter }: PackageChange): string {
  return `${name}: ${versionsText(before, after)}, ${signedBytes(bytesAfter - bytesBefore)}`;
}

/** Returns "coreutils 9.7, 17.6 MiB". */
export function packageLine({ name, after, bytesAfter }: PackageChange): string {
  return `${name} ${versionText(after)}, ${formatBytes(bytesAfter)}`;
}

export function closureJson({ name, closure }: NamedClosure): { readonly [key: string]: Json } {
  const kinds = sizesByKind(closure).map(({ kind, nodes, bytes }) => ({ kind, nodes, bytes }));
  return { name, root: closure.root, bytes: closureBytes(closure), nodes: closure.nodes.size, kinds };
}

export function changeJson({ name, kind, change, before, after, bytesBefore, bytesAfter }: PackageChange): {
  readonly [key: string]: Json;
} {
  return { name, kind, change, before: [...before], after: [...after], bytesBefore, bytesAfter, bytes: bytesAfter - bytesBefore };
}

function signedBytes(bytes: number): string {
  return bytes === 0 ? '±0' : bytes < 0 ? `-${formatBytes(-bytes)}` : `+${formatBytes(bytes)}`;
}

/** The first column is aligned to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  );
}
