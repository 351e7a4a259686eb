// The host's Nix: whether it is installed and finds nixpkgs, and the two operations that are needed. Its
// settings are those of the user (NIX_PATH, nix.conf).
import { basename } from 'node:path';
import { isStoreName } from '../../nix/store/store-path.ts';
import { cannot, lastOf } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { findProgram, outputOf, run } from '../../core/sh.ts';
import { installHint } from '../../core/tools.ts';

export interface NixHost {
  /** Adds a folder to the store under its own name and returns its store path. */
  add(folder: string, context: Context): Promise<string>;
  /**
   * Builds an attribute of the expression in a folder, which receives `packages` (store paths) as
   * `rustPackages`. `link` protects the result from Nix's garbage collection. Returns the path of the result.
   */
  build(expression: string, attribute: string, packages: Readonly<Record<string, string>>, link: string, context: Context): Promise<string>;
}

/** Returns the host's Nix. A missing Nix, or one that does not find nixpkgs, is a Failure (69). */
export async function nixHost(system: string, env: Readonly<Record<string, string>>, { signal }: Context): Promise<NixHost> {
  const what = `build ${system} on the base nix`;
  for (const program of ['nix-build', 'nix-store', 'nix-instantiate']) {
    if ((await findProgram(program, pathOf(env))) !== undefined) continue;
    throw cannot(what, 'Nix is not installed', { blame: 'host', hint: `${installHint('nix-store')}; --base debian does not need Nix` });
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

/** Returns the last line, which is a store path. */
function storePathIn(output: string, what: string): string {
  const path = lastOf(output.trim().split('\n'));
  if (path.startsWith('/') && isStoreName(basename(path))) return path;
  throw cannot(what, `Nix gave "${path}", which is not a store path`);
}

/**
 * Returns an attribute set in Nix's language. Names and store paths contain no characters that need an escape
 * in its strings.
 */
function attributeSet(packages: Readonly<Record<string, string>>): string {
  const rows = Object.entries(packages).map(([name, path]) => `${JSON.stringify(name)} = builtins.storePath ${JSON.stringify(path)};`);
  return `{ ${rows.join(' ')} }`;
}
