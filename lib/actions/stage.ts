// Puts the inputs of an action where its sandbox expects them: files of the store, and the folders and links between them that other actions left.
import { renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import { encodePath, TreePaths } from '../core/paths.ts';
import type { Digest } from '../core/digest.ts';
import { absentAsUndefined } from '../core/errors.ts';
import type { Action } from './action.ts';
import { toHostPaths } from './sandbox/sandbox.ts';
import { root } from './sandbox/root.ts';
import type { View } from './sandbox/sandbox.ts';

/**
 * Stages every input at its place below `stage` and creates the output folder. Inputs are mounted by the folder below the root. Throws DamagedBlob
 * where one is gone. Links come last, so that nothing is written through one.
 */
export async function stageInputs(action: Action, stage: string, cache: Cache): Promise<View> {
  const { inputs, layout = {}, outputDir, network, sandbox } = action.record;
  const readOnly: Record<string, string> = { ...action.mounts };
  const writable = { ...action.ambientMounts, [outputDir]: join(stage, outputDir) };
  const paths = new TreePaths();
  const made = new Set<string>();
  const folder = (path: string): void => {
    if (made.has(path)) return;
    made.add(path);
    paths.makeFolder(path);
  };
  for (const place of [...Object.keys(inputs), ...Object.keys(layout)]) {
    const top = topOf(place);
    readOnly[top] = join(stage, top);
  }
  try {
    for (const [place, digest] of Object.entries(inputs)) {
      folder(dirname(join(stage, place)));
      const staged = layout[place];
      const mode = staged === 'program' ? 0o755 : staged === 'data' ? 0o644 : undefined;
      await stageFile(digest, paths.at(join(stage, place)), mode, join(stage, 'unnamed'), cache);
    }
    for (const [place, staged] of Object.entries(layout)) if (staged === 'folder') folder(join(stage, place));
    for (const [place, staged] of Object.entries(layout)) {
      if (!isLink(staged)) continue;
      folder(dirname(join(stage, place)));
      const target = staged.slice('link '.length);
      symlinkSync(encodePath(sandbox === 'none' ? toHostPaths(target, { readOnly, writable }) : target), paths.at(join(stage, place)));
    }
    folder(join(stage, outputDir));
  } finally {
    paths.close();
  }
  return { readOnly, writable, network: network === true };
}

/** The mount that a place of an input is in: the folder below the root. */
export function topOf(place: string): string {
  return `${root}/${place.split('/')[2] ?? ''}`;
}

/** `mode`: of a copy; without it, the file is a link of the blob. `spare` is a free path on the same file system. */
async function stageFile(digest: Digest, path: string | Buffer, mode: number | undefined, spare: string, cache: Cache): Promise<void> {
  if (!(await cache.content.holds(digest))) throw new DamagedBlob(digest);
  const plain = typeof path === 'string' ? path : spare;
  const staging = mode === undefined ? cache.content.linkTo(digest, plain) : cache.content.cloneTo(digest, plain, mode);
  // It was there a moment ago: garbage collection of another process took it.
  if (!(await absentAsUndefined(staging.then(() => true)))) throw new DamagedBlob(digest);
  if (plain !== path) renameSync(plain, path);
}

function isLink(staged: string): staged is `link ${string}` {
  return staged.startsWith('link ');
}
