// A closure drawn as a tree, as `nix-store -q --tree` draws it: what was drawn before is followed by [...]. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import { nodeOf } from './graph.ts';
import type { Closure } from './graph.ts';

const branch = '├───';
const lastBranch = '└───';
const trunk = '│   ';
const noTrunk = '    ';

/** Lines, the root first; `label` is how a node is written. */
export function* treeLines(closure: Closure, label: (id: string) => string): Generator<string, void> {
  const drawn = new Set<string>();
  const waiting = [{ id: closure.root, first: '', rest: '' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { id, first, rest } = next;
    if (drawn.has(id)) {
      yield `${first}${label(id)} [...]`;
      continue;
    }
    drawn.add(id);
    yield `${first}${label(id)}`;
    const below = neededFirst(closure, nodeOf(closure, id).references);
    const rows = below.map((child, index) => {
      const last = index === below.length - 1;
      return { id: child, first: `${rest}${last ? lastBranch : branch}`, rest: `${rest}${last ? noTrunk : trunk}` };
    });
    waiting.push(...rows.reverse());
  }
}

/** So ordered that what another of them refers to directly comes before it: this keeps trees flat. Otherwise by id. */
function neededFirst(closure: Closure, ids: readonly string[]): readonly string[] {
  const among = new Set(ids);
  const visited = new Set<string>();
  const order: string[] = [];
  const visit = (id: string): void => {
    if (visited.has(id)) return;
    visited.add(id);
    for (const next of [...nodeOf(closure, id).references].sort(byCodeUnit)) if (next !== id && among.has(next)) visit(next);
    order.push(id);
  };
  for (const id of [...ids].sort(byCodeUnit)) visit(id);
  return order;
}
