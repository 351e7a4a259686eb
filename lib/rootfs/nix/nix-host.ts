// The host's Nix: whether it is there and knows nixpkgs, and the two things that are asked of it. Its settings are the person's (NIX_PATH, nix.conf).
import { basename } from 'node:path';
import { isStoreName } from '../../nix/store/store-path.ts';
import { cannot, lastOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { findProgram, outputOf, run } from '../../core/sh.ts';
import { installHint } from '../../core/tools.ts';

export interface NixHost {
  /** Puts a folder into the store under its own name; gives its path. */
  add(folder: string, context: Context): Promise<string>;
  /**
   * Builds an attribute of the expression in a folder, which is handed `packages` (paths in the store) as `rustPackages`. `link` keeps the result from
   * Nix's garbage collection. Gives the path of the result.
   */
  build(expression: string, attribute: string, packages: Readonly<Record<string, string>>, link: string, context: Context): Promise<string>;
}

/** A host without Nix, or whose Nix does not find nixpkgs, is a Failure (69). */
export async function nixHost(system: string, env: Readonly<Record<string, string>>, { signal }: Context): Promise<NixHost> {
  const what = `build ${system} on the base nix`;
  for (const program of ['nix-build', 'nix-store', 'nix-instantiate']) {
    if ((await findProgram(program, pathOf(env))) !== undefined) continue;
    throw cannot(what, 'Nix is not installed', { blame: 'host', hint: `${installHint('nix-store')}; --base debian needs none` });
  }
  const found = await run(['nix-instantiate', '--find-file', 'nixpkgs'], { cwd: '/', env, signal });
  if (found.exitCode !== 0) {
    throw cannot(what, 'Nix does not find nixpkgs', {
      blame: 'host',
      hint: 'get nixpkgs (24.11 or later) and set NIX_PATH=nixpkgs=DIR (absolute)',
      detail: found.stderr.trim(),
    });
  }
  return {
    add: async (folder, context) => storePathIn(await outputOf(what, ['nix-store', '--add', folder], options(context)), what),
    build: async (expression, attribute, packages, link, context) => {
      const words = ['nix-build', expression, '-A', attribute, '--out-link', link, '--arg', 'rustPackages', attributeSet(packages)];
      return storePathIn(await outputOf(what, words, options(context)), what);
    },
  };

  function options(context: Context): { cwd: string; env: Readonly<Record<string, string>>; signal: AbortSignal } {
    return { cwd: '/', env, signal: context.signal };
  }
}

/** The last line; it is a path in a store. */
function storePathIn(output: string, what: string): string {
  const path = lastOf(output.trim().split('\n'));
  if (path.startsWith('/') && isStoreName(basename(path))) return path;
  throw cannot(what, `Nix gave "${path}", which is no store path`);
}

/** In Nix's language. Names and store paths have no letter that its strings would read otherwise. */
function attributeSet(packages: Readonly<Record<string, string>>): string {
  const rows = Object.entries(packages).map(([name, path]) => `${JSON.stringify(name)} = builtins.storePath ${JSON.stringify(path)};`);
  return `{ ${rows.join(' ')} }`;
}
