// A copy of a source with patches applied by patch(1), in a folder of the cache that is named after the source and the patches.
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { digestBytes } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import type { DownloadHost } from './git.ts';

/** Returns the folder of a source with its patches, which need not exist: the source's own folder if the list is empty. */
export async function patchedFolder(name: string, folder: string, patches: readonly string[]): Promise<string> {
  if (patches.length === 0) return folder;
  const digests = await Promise.all(
    patches.map(async (path) => {
      const text = await readFile(path).catch((error: unknown) => {
        throw cannotBecause(`read the patch "${path}" of ${name}`, error);
      });
      return digestBytes(text);
    }),
  );
  return `${folder}-patched-${digestBytes(digests.join('\n')).slice(0, 16)}`;
}

/** Writes the patched copy unless it is there. Throws a Failure that names the patch and the hunk for one that does not apply. */
export async function patched(
  {
    name,
    folder,
    patches,
    host,
  }: { readonly name: string; readonly folder: string; readonly patches: readonly string[]; readonly host: DownloadHost },
  { signal }: Context,
): Promise<string> {
  const result = await patchedFolder(name, folder, patches);
  if (existsSync(result)) return result;
  const partial = `${result}.partial-${process.pid}`;
  const program = await tool('patch', host.env['PATH'] ?? '');
  try {
    await rm(partial, { recursive: true, force: true });
    await cp(folder, partial, { recursive: true, verbatimSymlinks: true });
    for (const path of patches) {
      const words = ['--strip=1', '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch', '--reject-file=-', `--input=${path}`];
      const env = { PATH: host.env['PATH'] ?? '', LC_ALL: 'C' };
      const { exitCode, stdout } = await run([program, ...words], { cwd: partial, env, signal });
      signal.throwIfAborted();
      if (exitCode !== 0) throw notApplied(name, path, stdout);
    }
    await rename(partial, result);
    return result;
  } catch (error) {
    throw cannotBecause(`write to "${result}"`, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** patch(1) prints "patching file X" and then "Hunk #2 FAILED at 40." */
function notApplied(name: string, path: string, stdout: string): Error {
  const what = `apply the patch "${basename(path)}" to ${name}`;
  const [, before = '', hunk = '', line = ''] = /^([\s\S]*?)Hunk #(\d+) FAILED at (\d+)/m.exec(stdout) ?? [];
  const file = /patching file (.*)\n(?![\s\S]*patching file )/.exec(before)?.[1];
  const why = file === undefined ? 'patch refuses it' : `hunk ${hunk} does not fit "${file}" at line ${line}`;
  return cannot(what, why, {
    detail: stdout.trim(),
    hint: 'the source may have changed: --update moves its pin, or the patch has to follow',
  });
}
