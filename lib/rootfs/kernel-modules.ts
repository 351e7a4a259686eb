// Modules of a packaged kernel for a root file system: the named ones and their dependencies, with indexes
// that depmod creates for these modules only.
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { markUsed } from '../cache/derived.ts';
import { byCodeUnit, digestRecord } from '../core/digest.ts';
import { cannot, cannotBecause, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { outputOf } from '../core/sh.ts';
import { tool } from '../core/tools.ts';
import { file } from '../image/file-tree.ts';
import type { Entry } from '../image/file-tree.ts';

/** Raised if the files for the same names change. */
const version = 1;

/**
 * Returns entries below usr/lib/modules/. `kernel` is the folder of the unpacked package. Names are those of
 * files without ".ko". An unknown name is a Failure.
 */
export async function kernelModules(
  kernel: string,
  names: readonly string[],
  { cacheDir, env }: { readonly cacheDir: string; readonly env: Readonly<Record<string, string>> },
  { signal }: Context,
): Promise<ReadonlyMap<string, Entry>> {
  const what = 'choose kernel modules';
  const folder = join(cacheDir, 'modules', digestRecord({ version, kernel: basename(kernel), names: [...names] }).slice(0, 16));
  if (!existsSync(folder)) {
    const modules = join(kernel, 'usr/lib/modules');
    const [release, ...others] = await readdir(modules).catch(() => []);
    if (release === undefined || others.length > 0) throw cannot(what, 'the package does not have the modules of exactly one kernel');
    const partial = `${folder}.partial-${process.pid}`;
    try {
      const depmod = await tool('depmod', pathOf(env));
      const run = async (words: readonly string[]): Promise<string> => await outputOf(what, [depmod, ...words], { cwd: '/', env, signal });
      // depmod(8) reads <base>/lib/modules.
      const all = await run(['-n', '-b', join(kernel, 'usr'), release]);
      for (const path of [...closureOf(names, all), 'modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
        const to = join(partial, 'lib/modules', release, path);
        await mkdir(dirname(to), { recursive: true });
        await link(join(modules, release, path), to);
      }
      await run(['-b', partial, release]);
      await rename(partial, folder);
    } catch (error) {
      throw cannotBecause(what, error);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  await markUsed(folder);
  const from = join(folder, 'lib/modules');
  const { globby } = await import('globby'); // loading it takes longer than most builds without changes
  const found = (await globby('**/*', { cwd: from })).sort(byCodeUnit);
  return new Map(
    await Promise.all(
      found.map(async (path): Promise<[string, Entry]> => {
        const host = join(from, path);
        return [`usr/lib/modules/${relative(from, host)}`, file({ kind: 'host', path: host, sizeBytes: (await stat(host)).size })];
      }),
    ),
  );
}

/**
 * Returns the paths of the named modules and of all their dependencies, from the rows of modules.dep ("path:
 * path path") in depmod's output.
 */
export function closureOf(names: readonly string[], text: string): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  for (const [, path = '', rest = ''] of text.matchAll(/^(kernel\/\S+\.ko\S*):(.*)$/gm)) needs.set(path, rest.split(' ').filter(Boolean));
  const byName = new Map([...needs.keys()].map((path) => [nameOf(path), path]));
  const found = new Set<string>();
  for (const name of names) {
    const path = byName.get(name);
    if (path === undefined) {
      const near = nearest(name, [...byName.keys()]);
      throw cannot('choose kernel modules', `the kernel has no module "${name}"`, { hint: near ? `did you mean ${near}?` : undefined });
    }
    for (const one of [path, ...(needs.get(path) ?? [])]) found.add(one);
  }
  return [...found].sort(byCodeUnit);
}

function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_');
}
