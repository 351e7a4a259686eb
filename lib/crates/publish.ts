// Puts the outputs of compiled projects where a person finds them: programs in bin/, other linked files in lib/. Copies, because
// people change and move their files; a file that is already right is left alone.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact } from '../build/action.ts';
import type { Cache } from '../cache/cache.ts';
import { digestFile } from '../core/digest.ts';
import { absentAsUndefined, cannot, cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/folders.ts';
import type { CompiledProject } from './compile.ts';

/** The programs of a project: name -> absolute path. */
export async function publish(
  { project, outputs }: CompiledProject,
  outDir: string,
  cache: Cache,
): Promise<Readonly<Record<string, string>>> {
  const bins: Record<string, string> = {};
  try {
    for (const [name, output] of outputs) {
      const folder = join(outDir, output.program ? 'bin' : 'lib');
      await makeFolder(folder);
      await materialize(output, join(folder, name), cache);
      if (output.program) bins[name.replace(/\.(efi|exe)$/, '')] = join(folder, name);
    }
  } catch (error) {
    throw cannotBecause(`write the programs of ${project.name} to "${outDir}"`, error, 'choose another folder with --out DIR');
  }
  return bins;
}

/** Writes one artifact to `path` unless its bytes are there already, as a program where it is one. */
export async function materialize(artifact: Artifact, path: string, cache: Cache): Promise<void> {
  const present = await absentAsUndefined(stat(path));
  const fits = present?.isFile() && present.size === artifact.sizeBytes && (present.mode & 0o100) === (artifact.executable ? 0o100 : 0);
  if (fits && (await digestFile(path)) === artifact.digest) return;
  if (!(await cache.content.copyTo(artifact.digest, path, artifact.executable ? 0o755 : 0o644))) {
    throw cannot(`write "${path}"`, 'its blob in the cache was damaged', { hint: 'run the same command again: it will be rebuilt' });
  }
}
