// What link-time optimisation asks of each unit: an rlib below an LTO binary holds only bitcode, one that is needed both ways holds
// both. Walks down from the roots and merges what different users of a crate need (facts: cargo's lto pass).
import { isProcMacro } from './unit-graph.ts';
import type { Unit, UnitGraph } from './unit-graph.ts';

/** `run` is a final link with LTO of that kind ("" is the plain `-C lto`). */
export type Lto =
  { readonly kind: 'run'; readonly how: string } | { readonly kind: 'off' | 'only-bitcode' | 'only-object' | 'object-and-bitcode' };

const linked = ['bin', 'staticlib', 'cdylib'];
const dynamic = ['dylib', 'cdylib', 'proc-macro'];

/** The LTO state of every unit that is compiled, by index. */
export function ltoStates({ units, roots }: UnitGraph): readonly Lto[] {
  const states: (Lto | undefined)[] = units.map(() => undefined);
  const visit = (index: number, parent: Lto): void => {
    const unit = units[index];
    if (!unit) return;
    const before = states[index];
    const wanted = ownState(unit, parent);
    const merged = before ? merge(before, wanted) : wanted;
    if (before && same(before, merged)) return;
    states[index] = merged;
    for (const dependency of unit.dependencies) visit(dependency.index, merged);
  };
  for (const root of roots) {
    const unit = units[root];
    if (unit) visit(root, rootState(unit));
  }
  return states.map((state) => state ?? { kind: 'only-object' });
}

/** The arguments that a state comes to. */
export function ltoArgs(lto: Lto): readonly string[] {
  switch (lto.kind) {
    case 'run':
      return ['-C', lto.how === '' ? 'lto' : `lto=${lto.how}`];
    case 'off':
      return ['-C', 'lto=off', '-C', 'embed-bitcode=no'];
    case 'only-bitcode':
      return ['-C', 'linker-plugin-lto'];
    case 'only-object':
      return ['-C', 'embed-bitcode=no'];
    case 'object-and-bitcode':
      return [];
  }
}

function rootState(unit: Unit): Lto {
  if (unit.profile.lto === 'false') return { kind: 'only-object' };
  if (unit.profile.lto === 'off') return { kind: 'off' };
  if (forHost(unit)) return { kind: 'only-object' };
  return needsObject(unit) ? whenObjectIsNeeded(unit) : { kind: 'only-bitcode' };
}

function ownState(unit: Unit, parent: Lto): Lto {
  if (forHost(unit)) return { kind: 'only-object' };
  if (unit.target.crateTypes.every((type) => linked.includes(type))) return finalState(unit.profile.lto);
  if (parent.kind === 'run') return needsObject(unit) ? whenObjectIsNeeded(unit) : { kind: 'only-bitcode' };
  if (parent.kind === 'only-bitcode' && needsObject(unit)) return whenObjectIsNeeded(unit);
  return parent;
}

function finalState(lto: string): Lto {
  if (lto === 'true') return { kind: 'run', how: '' };
  if (lto === 'off') return { kind: 'off' };
  if (lto === 'false') return { kind: 'only-object' };
  return { kind: 'run', how: lto };
}

/** Two users of one unit: the state that serves both. */
function merge(a: Lto, b: Lto): Lto {
  for (const kind of ['run', 'off', 'object-and-bitcode'] as const) {
    if (a.kind === kind) return a;
    if (b.kind === kind) return b;
  }
  return a.kind === b.kind ? a : { kind: 'object-and-bitcode' };
}

function whenObjectIsNeeded(unit: Unit): Lto {
  return unit.target.crateTypes.every((type) => type === 'dylib') ? { kind: 'only-object' } : { kind: 'object-and-bitcode' };
}

function needsObject(unit: Unit): boolean {
  return unit.target.crateTypes.some((type) => linked.includes(type) || dynamic.includes(type));
}

function forHost(unit: Unit): boolean {
  return isProcMacro(unit) || unit.target.kind.includes('custom-build');
}

function same(a: Lto, b: Lto): boolean {
  return a.kind === b.kind && (a.kind !== 'run' || (b.kind === 'run' && a.how === b.how));
}
