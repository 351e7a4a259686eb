// Verifies packages of a directory source (cargo vendor) before they are compiled, as cargo does: each file has the SHA-256 that the package's
// .cargo-checksum.json lists. Format: "files", an object from paths within the package to digests in hexadecimal.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programDigest } from '../../cache/digests/content-digests.ts';
import type { Cache } from '../../cache/cache.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';

/** Throws a Failure that names the first file that differs. Packages without a list of checksums pass. `dir`: the package's absolute path. */
export async function verifyVendored(dir: string, label: string, { digests }: Pick<Cache, 'digests'>): Promise<void> {
  const text = await absentAsUndefined(readFile(join(dir, '.cargo-checksum.json'), 'utf8'));
  if (text === undefined) return;
  for (const [path, listed] of Object.entries(listedFiles(text))) {
    const found = await digests.file(join(dir, path));
    if (found === listed || found === programDigest(listed)) continue;
    throw cannot(`compile ${label}`, `"${join(dir, path)}" ${found === undefined ? 'is missing' : 'was edited'}, and is vendored`, {
      hint: 'the checksums of vendored files are in .cargo-checksum.json; change a copy of the package, and name it in [patch]',
    });
  }
}

function listedFiles(text: string): Readonly<Record<string, Digest>> {
  try {
    const { files } = JSON.parse(text) as { readonly files?: Readonly<Record<string, Digest>> };
    return files ?? {};
  } catch {
    return {}; // cargo refuses it while planning
  }
}
