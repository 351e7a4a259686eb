// Decides which paths of a closure have to be rewritten to replace some dependencies, from the graph alone.
// The rules are those of replaceDependencies in nixpkgs (pkgs/build-support/replace-dependencies.nix): a path
// that refers to a changed path changes too; an explicit replacement has priority over a cutoff, and a cutoff
// over a rewrite; replacements are rewritten by the others. Only computes.
import { cannot } from '../../core/errors.ts';
import type { PathInfo } from '../store/store.ts';
import type { StoreName } from '../store/store-path.ts';

export interface Replacement {
  readonly old: StoreName;
  readonly new: StoreName;
}

export interface ReplacementPlan {
  /** Paths to rewrite, each after those that it refers to. */
  readonly rewrites: readonly StoreName[];
  /** Returns the path that replaces a path: itself or a replacement, rewritten if it is among the rewrites. */
  standsFor(name: StoreName): StoreName;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * `infos`: everything that the root and the replacements reach. Names of different length and cyclic
 * replacements are Failures.
 */
export function replacementPlan(
  root: StoreName,
  infos: ReadonlyMap<StoreName, PathInfo>,
  replacements: readonly Replacement[],
  cutoffs: readonly StoreName[],
): ReplacementPlan {
  const { explicit, notes } = explicitOf(root, infos, replacements);
  const cut = new Set(cutoffs);
  const bases = new Map<StoreName, StoreName>();
  const rewrites = new Set<StoreName>();
  const becomes = (name: StoreName): boolean => bases.get(name) !== name || rewrites.has(name);

  /** An explicit stack, because closures are deep. A path is visited twice, before and after its references. */
  const stack: { name: StoreName; entered: boolean }[] = [{ name: root, entered: false }];
  const open = new Set<StoreName>();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { name, entered } = top;
    if (bases.has(name)) continue;
    const replacement = explicit.get(name);
    const needs = replacement !== undefined ? [replacement] : cut.has(name) ? [] : referencesOf(infos, name);
    if (!entered) {
      if (open.has(name)) throw cycleFailure(name, explicit, open);
      open.add(name);
      stack.push({ name, entered: true }, ...needs.map((need) => ({ name: need, entered: false })));
      continue;
    }
    open.delete(name);
    bases.set(name, replacement === undefined ? name : (bases.get(replacement) ?? replacement));
    const changed = replacement === undefined ? needs.filter(becomes) : [];
    for (const old of changed) checkLengths(old, bases.get(old) ?? old, name);
    if (changed.length > 0) rewrites.add(name);
  }
  return { rewrites: [...rewrites], standsFor: (name) => bases.get(name) ?? name, notes };
}

function explicitOf(
  root: StoreName,
  infos: ReadonlyMap<StoreName, PathInfo>,
  replacements: readonly Replacement[],
): { explicit: ReadonlyMap<StoreName, StoreName>; notes: readonly string[] } {
  const explicit = new Map<StoreName, StoreName>();
  const notes: string[] = [];
  const inClosure = reachedFrom(root, infos);
  for (const { old, new: by } of replacements) {
    if (old === by) {
      notes.push(`"${old}" is to be replaced by itself: left out.`);
      continue;
    }
    if (explicit.has(old) && explicit.get(old) !== by) {
      throw cannot(`replace "${old}"`, 'two replacements are given for it', { blame: 'usage' });
    }
    if (!inClosure.has(old)) notes.push(`"${root}" does not depend on "${old}".`);
    explicit.set(old, by);
  }
  return { explicit, notes };
}

function checkLengths(old: StoreName, by: StoreName, user: StoreName): void {
  if (old.length === by.length) return;
  throw cannot(`rewrite "${old}" to "${by}" in "${user}"`, `their lengths do not match (${old.length} and ${by.length})`, {
    hint: 'bytes are replaced in place; build the replacement under a name of the same length',
  });
}

/**
 * Returns the Failure for a cycle: `name` was reached again while its references were visited. They are
 * `open` from there on.
 */
function cycleFailure(name: StoreName, explicit: ReadonlyMap<StoreName, StoreName>, open: ReadonlySet<StoreName>): Error {
  const all = [...open];
  const cycle = all.slice(all.indexOf(name));
  const old = cycle.find((candidate) => explicit.has(candidate));
  if (old !== undefined) {
    return cannot(`replace "${old}" by "${explicit.get(old)}"`, `the replacement refers to what it replaces`, {
      blame: 'usage',
      hint: `--cutoff with the replacement leaves it as it is`,
    });
  }
  const hint = `--cutoff with one of these paths leaves it as it is, if it does not have to change`;
  return cannot(`rewrite "${name}"`, `its references form a cycle: ${[...cycle, name].join(' -> ')}`, { hint });
}

function reachedFrom(root: StoreName, infos: ReadonlyMap<StoreName, PathInfo>): ReadonlySet<StoreName> {
  const reached = new Set([root]);
  for (const name of reached) for (const next of infos.get(name)?.references ?? []) reached.add(next);
  return reached;
}

function referencesOf(infos: ReadonlyMap<StoreName, PathInfo>, name: StoreName): readonly StoreName[] {
  return (infos.get(name)?.references ?? []).filter((reference) => reference !== name);
}
