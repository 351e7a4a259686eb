// Replaces dependencies below a store path without building anything. Every path that leads to them is copied
// with their names replaced in its bytes (rules: replacement-plan.ts). A new path has Nix's name for
// content-addressed paths: it follows from "source", its references, and the SHA-256 of its NAR without its
// own name. So the same replacement gives the same paths on every host, and Nix accepts them from a cache
// without a signature.
import { rm } from 'node:fs/promises';
import { byCodeUnit } from '../../core/digest.ts';
import { pace, phase } from '../../core/events.ts';
import type { Context } from '../../core/events.ts';
import { toBase32 } from '../store/nix-hash.ts';
import { moduloHash } from '../store/hash-parts.ts';
import { plainNarInfo } from '../binary-cache/narinfo.ts';
import type { NarInfo } from '../binary-cache/narinfo.ts';
import { narTally, observed } from '../nar/summary.ts';
import { restoreNar } from '../nar/restore.ts';
import { narOf } from '../nar/writer.ts';
import { replacementPlan } from './replacement-plan.ts';
import type { Replacement } from './replacement-plan.ts';
import { rewritten } from './rewrite.ts';
import { keepRecords, withStaging } from '../store/staging.ts';
import type { Staging } from '../store/staging.ts';
import { closureInfos } from '../store/store.ts';
import type { PathInfo, Store } from '../store/store.ts';
import { plainName, sourcePath } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';

export interface ReplaceRequest {
  readonly root: StoreName;
  readonly replacements: readonly Replacement[];
  readonly cutoffs: readonly StoreName[];
  /** The folder that gets the new paths. */
  readonly to: string;
  /** Whether to copy also the unchanged paths of the new root's closure. */
  readonly whole?: boolean;
}

export interface Replaced {
  /** The path that replaces the root, or the root itself if nothing had to change. */
  readonly root: StoreName;
  /** In the order in which they were written, dependencies first. */
  readonly rewritten: readonly { readonly old: StoreName; readonly info: NarInfo }[];
  /** All paths that the new root reaches, from both folders. */
  readonly closure: ReadonlyMap<StoreName, PathInfo>;
}

/** Replaces dependencies. Notes of the plan are reported. After a failure `to` is unchanged. */
export async function replaceDependencies(store: Store, request: ReplaceRequest, context: Context): Promise<Replaced> {
  const { root, replacements, cutoffs, to, whole = false } = request;
  const known = await closureInfos(store, [root, ...replacements.map(({ new: by }) => by)], context);
  const plan = replacementPlan(root, known, replacements, cutoffs);
  for (const text of plan.notes) context.report({ kind: 'note', text });
  const made = new Map<StoreName, NarInfo>();
  const final = (name: StoreName): StoreName => made.get(plan.standsFor(name))?.name ?? plan.standsFor(name);
  const all = new Map(known);
  if (whole || plan.rewrites.length > 0) {
    await phase('rewrite', context.report, () =>
      withStaging(to, context, async (staging) => {
        for (const old of plan.rewrites) {
          const info = known.get(old);
          if (!info) continue;
          const fresh = await rewritePath(store, info, final, staging, context);
          made.set(old, fresh);
          all.set(fresh.name, fresh);
          context.report({ kind: 'progress', phase: 'rewrite', done: made.size, total: plan.rewrites.length });
        }
        const unchanged = whole ? [...reached(final(root), all).values()].filter(({ name }) => known.has(name)) : [];
        for (const { name } of unchanged) await copyPath(store, name, staging, context);
        await keepRecords(staging, store.storeDir, [...made.values(), ...unchanged.map(plainNarInfo)]);
      }),
    );
  }
  return { root: final(root), rewritten: [...made].map(([old, info]) => ({ old, info })), closure: reached(final(root), all) };
}

async function copyPath(store: Store, name: StoreName, staging: Staging, context: Context): Promise<void> {
  const place = staging.place(name);
  await using nar = await store.nar(name, context);
  await restoreNar(nar.chunks, place, { what: `copy "${name}"` }, context);
  staging.keep(place, name);
}

/** Copies one path and replaces its references and its own name. */
async function rewritePath(
  store: Store,
  { name: old, references }: PathInfo,
  final: (name: StoreName) => StoreName,
  staging: Staging,
  context: Context,
): Promise<NarInfo> {
  const others = references.filter((name) => name !== old);
  const pairs = new Map(others.map((name) => [name, final(name)] as const).filter(([from, to]) => from !== to));
  const first = staging.place(old);
  await using nar = await store.nar(old, context);
  // The name of a file may contain a hash too, and its position in its folder may change with it.
  await restoreNar(rewritten(nar.chunks, pairs), first, { what: `rewrite "${old}"`, order: 'any' }, context);

  const { hash, self, sizeBytes } = await ownHash(first, old, context);
  const newOthers = [...new Set(others.map(final))].sort(byCodeUnit);
  const name = sourcePath(store.storeDir, plainName(old), hash, { others: newOthers, self });
  const contentAddress = `fixed:r:sha256:${toBase32(Buffer.from(hash, 'hex'))}`;
  const newReferences = [...newOthers, ...(self ? [name] : [])].sort(byCodeUnit);
  const recorded = (narHash: string, narSize: number): NarInfo => {
    return { ...plainNarInfo({ name, narHash, narSize, references: newReferences }), contentAddress };
  };
  if (!self) {
    staging.keep(first, name);
    return recorded(`sha256:${toBase32(Buffer.from(hash, 'hex'))}`, sizeBytes);
  }
  const second = staging.place(name);
  const tally = narTally();
  const chunks = observed(rewritten(narOf(first), new Map([[old, name]])), (chunk) => tally.update(chunk));
  await restoreNar(chunks, second, { what: `rewrite "${old}"` }, context);
  await rm(first, { recursive: true });
  staging.keep(second, name);
  return recorded(tally.finish().hash, sizeBytes);
}

async function ownHash(path: string, own: StoreName, context: Context): Promise<{ hash: string; self: boolean; sizeBytes: number }> {
  const modulo = moduloHash(own);
  const turn = pace(context);
  let sizeBytes = 0;
  for (const chunk of narOf(path)) {
    modulo.update(chunk);
    sizeBytes += chunk.length;
    await turn(chunk.length);
  }
  return { ...modulo.finish(), sizeBytes };
}

function reached(root: StoreName, infos: ReadonlyMap<StoreName, PathInfo>): ReadonlyMap<StoreName, PathInfo> {
  const closure = new Map<StoreName, PathInfo>();
  const wanted = new Set([root]);
  for (const name of wanted) {
    const info = infos.get(name);
    if (!info) continue;
    closure.set(name, info);
    for (const next of info.references) wanted.add(next); // iteration over a set includes entries that are added during it
  }
  return closure;
}
