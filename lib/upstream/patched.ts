// A copy of a source with patches applied by patch(1) and files added, in a folder of the cache that is named after the source and the changes.
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { digestBytes } from '../core/digest.ts';
import { cannot, cannotBecause } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { run } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import type { DownloadHost } from './download.ts';

/** What a copy has that its source does not. */
export interface Changes {
  /** Absolute paths, in the order in which they are applied. */
  readonly patches: readonly string[];
  /** Files that are written into it: text by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** Returns the folder of a source with its changes, which need not exist: the source's own folder if there are no changes. */
export async function patchedFolder(name: string, folder: string, { patches, files }: Changes): Promise<string> {
  const added = Object.entries(files);
  if (patches.length === 0 && added.length === 0) return folder;
  const digests = await Promise.all(
    patches.map(async (path) => {
      const text = await readFile(path).catch((error: unknown) => {
        throw cannotBecause(`read the patch "${path}" of ${name}`, error);
      });
      return digestBytes(text);
    }),
  );
  return `${folder}-patched-${digestBytes([...digests, ...added.flat()].join('\n')).slice(0, 16)}`;
}

/** Writes the patched copy unless it is there. Throws a Failure that names the patch and the hunk for one that does not apply. */
export async function patched(
  {
    name,
    folder,
    changes,
    host,
  }: { readonly name: string; readonly folder: string; readonly changes: Changes; readonly host: DownloadHost },
  { signal }: Context,
): Promise<string> {
  const result = await patchedFolder(name, folder, changes);
  if (existsSync(result)) return result;
  const partial = `${result}.partial-${process.pid}`;
  const program = await tool('patch', pathOf(host.env));
  try {
    await rm(partial, { recursive: true, force: true });
    await cp(folder, partial, { recursive: true, verbatimSymlinks: true });
    for (const path of changes.patches) {
      const words = ['--strip=1', '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch', '--reject-file=-', `--input=${path}`];
      const env = { PATH: pathOf(host.env), LC_ALL: 'C' };
      const { exitCode, stdout } = await run([program, ...words], { cwd: partial, env, signal });
      signal.throwIfAborted();
      if (exitCode !== 0) throw notApplied(name, path, stdout);
    }
    for (const [path, text] of Object.entries(changes.files)) await writeFile(join(partial, path), text);
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
