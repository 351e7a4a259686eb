// Runs a cached action again and compares its output with the cached result. A difference means that a
// compiler is not reproducible, that a tool changed under an unchanged name, or that a key is incomplete. The
// cached result is not modified.
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { byCodeUnit, canonicalJson } from '../core/digest.ts';
import type { Context } from '../core/events.ts';
import { isFileArtifact } from './action.ts';
import type { ActionResult } from './action.ts';
import { execute } from './execute.ts';
import type { Origin } from './explain/history.ts';
import { digestOfPlace, digestOfTree, hostPath } from './place.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** `differing`: paths of artifacts that differ or that exist in only one of the two runs. */
export type Rebuilt =
  | { readonly kind: 'same' }
  | { readonly kind: 'differs'; readonly differing: readonly string[] }
  | { readonly kind: 'failed'; readonly stderr: string }
  /** The action cannot be run unchanged: its sources changed, or inputs are gone. */
  | { readonly kind: 'skipped'; readonly why: string };

export async function rebuild(origin: Origin, result: ActionResult, sandbox: Sandbox, cache: Cache, context: Context): Promise<Rebuilt> {
  const { label, record, mounts, ambientEnv } = origin;
  if (record.sandbox !== sandbox.kind) return { kind: 'skipped', why: `it was built with sandbox "${record.sandbox}"` };
  if (record.checkout !== undefined) return { kind: 'skipped', why: 'it went on from half-done work' };
  for (const [place, digest] of Object.entries(record.files)) {
    const now = await digestOfPlace(place, mounts, cache).catch(() => undefined);
    if (now !== digest) return { kind: 'skipped', why: `${place} is not as it was` };
  }
  for (const [place, digest] of Object.entries(record.trees)) {
    if ((await digestOfTree(hostPath(place, mounts), cache)) !== digest) return { kind: 'skipped', why: `${place} is not as it was` };
  }
  try {
    const execution = await execute({ label, record, mounts, ambientEnv }, sandbox, cache, context);
    if (!execution.ok) return { kind: 'failed', stderr: execution.stderr };
    const differing = differingPaths(result, execution.result);
    return differing.length === 0 ? { kind: 'same' } : { kind: 'differs', differing };
  } catch (error) {
    if (error instanceof DamagedBlob) return { kind: 'skipped', why: 'input artifacts are gone' };
    throw error;
  }
}

function differingPaths(before: ActionResult, after: ActionResult): readonly string[] {
  const contents = ({ artifacts }: ActionResult): ReadonlyMap<string, string> =>
    new Map(artifacts.map((artifact) => [artifact.path, isFileArtifact(artifact) ? artifact.digest : canonicalJson({ ...artifact })]));
  const [old, now] = [contents(before), contents(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path) !== now.get(path)).sort(byCodeUnit);
}
