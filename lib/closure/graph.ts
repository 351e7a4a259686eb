// A closure as data: everything that is reachable from one root, with what each part weighs by itself. The same shape for store paths and for
// packages and components of an image, so that sizes, differences and reasons are asked of any of them alike. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import { cannot, nearest } from '../core/errors.ts';

export type NodeKind = 'package' | 'component' | 'store path';

export interface ClosureNode {
  /** Unique in the closure: a store path's name, a package's name. */
  readonly id: string;
  readonly name: string;
  /** '' where there is none. */
  readonly version: string;
  readonly kind: NodeKind;
  /** Of the node alone. */
  readonly bytes: number;
  /** Ids; a node may refer to itself. */
  readonly references: readonly string[];
}

export interface Closure {
  readonly root: string;
  /** By id; each is reachable from the root. */
  readonly nodes: ReadonlyMap<string, ClosureNode>;
}

/** Keeps what `root` reaches. A reference to what is not among `nodes` is a Failure. `what` is for the error: 'read "out/x.json"'. */
export function closureOf(root: string, nodes: Iterable<ClosureNode>, what: string): Closure {
  const given = new Map([...nodes].map((node) => [node.id, node]));
  const reached = new Map<string, ClosureNode>();
  const waiting: { id: string; by: string }[] = [{ id: root, by: 'the root' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (reached.has(next.id)) continue;
    const node = given.get(next.id);
    if (!node) throw cannot(what, `"${next.id}" is missing, to which ${next.by} refers`);
    reached.set(node.id, node);
    for (const id of node.references) waiting.push({ id, by: `"${node.id}"` });
  }
  return { root, nodes: new Map([...reached].sort(([a], [b]) => byCodeUnit(a, b))) };
}

export function nodeOf({ nodes }: Closure, id: string): ClosureNode {
  const node = nodes.get(id);
  if (!node) throw new RangeError(`"${id}" is not in the closure`);
  return node;
}

/** The node with that id, or the only one with that name; anything else is a Failure that helps on. */
export function findNode(closure: Closure, wanted: string, closureName: string): ClosureNode {
  const exact = closure.nodes.get(wanted);
  if (exact) return exact;
  const all = [...closure.nodes.values()];
  const named = all.filter(({ name, version }) => name === wanted || `${name}-${version}` === wanted);
  const [only] = named;
  if (only && named.length === 1) return only;
  const what = `find "${wanted}" in ${closureName}`;
  if (only)
    throw cannot(what, `${named.length} have that name`, { blame: 'usage', hint: `say which: ${named.map(({ id }) => id).join(', ')}` });
  const near = nearest(
    wanted,
    all.map(({ name }) => name),
  );
  throw cannot(what, 'it holds no such thing', { hint: near && `did you mean ${near}?` });
}

/** Sum over all nodes. */
export function closureBytes({ nodes }: Closure): number {
  return [...nodes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The closure of another node of it. */
export function subClosure(closure: Closure, id: string): Closure {
  return closureOf(id, closure.nodes.values(), 'take a part of a closure');
}

/** Ids, each after all that it refers to; ties by id. Rings of references are broken where they are met. */
export function referencesFirst({ root, nodes }: Closure): readonly string[] {
  const done = new Set<string>();
  const order: string[] = [];
  const stack: { id: string; left: string[] }[] = [];
  const enter = (id: string): void => {
    if (done.has(id)) return;
    done.add(id);
    stack.push({ id, left: [...(nodes.get(id)?.references ?? [])].sort(byCodeUnit).reverse() });
  };
  enter(root);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.left.pop();
    if (next !== undefined) enter(next);
    else {
      order.push(top.id);
      stack.pop();
    }
  }
  return order;
}
