// What rustc says about a target: its cfgs, which build scripts see as CARGO_CFG_*. Asked once for each toolchain and target.
import type { Json } from '../core/digest.ts';
import { remembered } from '../core/remembered.ts';
import { outputOf } from '../core/sh.ts';
import type { Context } from '../core/events.ts';
import type { Toolchain } from './toolchain.ts';

/** The lines of `rustc --print cfg`: `unix`, `target_os="linux"`. `target` is a triple or a JSON file; `flags` may change the answer. */
export async function targetCfgs(
  toolchain: Toolchain,
  target: string,
  flags: readonly string[],
  cacheDir: string,
  { signal }: Context,
): Promise<readonly string[]> {
  // Only for a JSON target: a stable rustc that is allowed unstable things also tells unstable cfgs, which scripts then take for granted.
  const unstable = target.endsWith('.json');
  const question: Json = { rustc: toolchain.rustc, verbose: toolchain.verbose, target, flags, unstable };
  return remembered<string[]>(cacheDir, 'cfg', question, async () => {
    const argv = [toolchain.rustc, '--print', 'cfg', '--target', target, ...(unstable ? ['-Z', 'unstable-options'] : []), ...flags];
    const text = await outputOf(`ask rustc about the target "${target}"`, argv, {
      cwd: '/',
      env: unstable ? { RUSTC_BOOTSTRAP: '1' } : {},
      signal,
    });
    return { value: text.trim().split('\n'), witnesses: [toolchain.rustc, ...(unstable ? [target] : [])] };
  });
}

/** CARGO_CFG_<KEY>: flags are empty, several values are joined by commas. */
export function cfgEnv(cfgs: readonly string[], debugAssertions: boolean, features: readonly string[]): Readonly<Record<string, string>> {
  const values = new Map<string, string[]>();
  for (const cfg of cfgs) {
    const at = cfg.indexOf('=');
    const key = at < 0 ? cfg : cfg.slice(0, at);
    if (key === 'debug_assertions' && !debugAssertions) continue;
    if (key === 'proc_macro') continue;
    const list = values.get(key) ?? [];
    values.set(key, at < 0 ? list : [...list, cfg.slice(at + 1).replace(/^"|"$/g, '')]);
  }
  if (debugAssertions) values.set('debug_assertions', []);
  values.set('feature', [...features]);
  return Object.fromEntries([...values].map(([key, list]) => [`CARGO_CFG_${key.toUpperCase().replaceAll('-', '_')}`, list.join(',')]));
}
