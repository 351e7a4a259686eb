// Puts the outputs of compiled projects where a person finds them: programs in bin/, other linked files in lib/, what the linker wrote
// elsewhere in written/, below a folder for each target where there are several. Copies, because users change and move their files. A file that
// already has the right content is left alone.
import { stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileArtifact } from '../actions/action.ts';
import { writtenFolder } from '../actions/place.ts';
import { DamagedBlob } from '../cache/content-store.ts';
import type { Cache } from '../cache/cache.ts';
import { programDigest } from '../cache/digests/content-digests.ts';
import { absentAsUndefined, cannotBecause } from '../core/errors.ts';
import { makeFolder } from '../core/paths.ts';
import type { CompiledProject, Output } from './compiled.ts';

/** The programs of a project: name -> absolute path. A blob that is gone or damaged is thrown as DamagedBlob: its maker has to run again. */
export async function publish(
  { project, outputs }: CompiledProject,
  outDir: string,
  cache: Cache,
): Promise<Readonly<Record<string, string>>> {
  const bins: Record<string, string> = {};
  try {
    for (const [name, output] of outputs) {
      const path = join(outDir, pathOf(name, output.role));
      await makeFolder(dirname(path));
      if (output.role === 'written') await markMade(name, outDir);
      await materialize(output, path, cache);
      if (output.role === 'program') bins[name.replace(/\.(efi|exe)$/, '')] = path;
    }
  } catch (error) {
    if (error instanceof DamagedBlob) throw error;
    throw cannotBecause(`write the programs of ${project.name} to "${outDir}"`, error, 'choose another folder with --out DIR');
  }
  return bins;
}

/**
 * Marks the folder of written files, as cargo marks its target folder. A procedural macro may have written their text, which is not the user's own
 * where the folder is in his package (own-text.ts). Format: https://bford.info/cachedir/
 */
async function markMade(name: string, outDir: string): Promise<void> {
  const [above = ''] = name.split(`${writtenFolder}/`);
  await writeFile(join(outDir, above, writtenFolder, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n');
}

/** Names of several targets begin with the target; files that were written elsewhere have a path of their own. */
function pathOf(name: string, role: Output['role']): string {
  if (role === 'written') return name;
  return join(dirname(name), role === 'library' ? 'lib' : 'bin', basename(name));
}

/** Writes one artifact to `path` unless its bytes are there already, as a program where it is one. Throws DamagedBlob. */
export async function materialize(artifact: FileArtifact, path: string, cache: Cache): Promise<void> {
  const present = await absentAsUndefined(stat(path));
  const fits = present?.isFile() && present.size === artifact.sizeBytes && (present.mode & 0o100) === (artifact.executable ? 0o100 : 0);
  const same = fits && cache.digests.present(path) === (artifact.executable ? programDigest(artifact.digest) : artifact.digest);
  if (!same && !(await cache.content.copyTo(artifact.digest, path, artifact.executable ? 0o755 : 0o644)))
    throw new DamagedBlob(artifact.digest);
  cache.digests.learn(path, artifact.digest);
}
