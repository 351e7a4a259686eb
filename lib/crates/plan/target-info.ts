// What rustc says about a target: its cfgs, which build scripts see as CARGO_CFG_*. Asked once for each toolchain and target.
import type { Json } from '../../core/digest.ts';
import { remembered } from '../../core/remembered.ts';
import { outputOf } from '../../core/sh.ts';
import type { Context } from '../../core/events.ts';
import type { Toolchain } from '../toolchain/toolchain.ts';

export interface CfgQuestion {
  readonly toolchain: Toolchain;
  /** The rustc that is started: the toolchain's own, or what shuts it in where the project's flags or files reach it. */
  readonly rustc: string;
  /** A triple or a JSON file. */
  readonly target: string;
  /** May change the answer. */
  readonly flags: readonly string[];
  /** Relative paths of flags count from here. */
  readonly cwd: string;
  /** RUSTC_BOOTSTRAP of the configuration. */
  readonly bootstrap: string | undefined;
}

/** The lines of `rustc --print cfg`: `unix`, `target_os="linux"`. */
export async function targetCfgs(question: CfgQuestion, cacheDir: string, { signal }: Context): Promise<readonly string[]> {
  const { toolchain, rustc, target, flags, cwd } = question;
  // Only for a JSON target: a stable rustc that is allowed unstable things also tells unstable cfgs, which scripts then take for granted.
  const unstable = target.endsWith('.json');
  const bootstrap = unstable ? '1' : question.bootstrap;
  const place = flags.some((flag) => /[/@]/.test(flag)) ? cwd : null;
  const asked: Json = { rustc: toolchain.rustc, verbose: toolchain.verbose, target, flags, bootstrap: bootstrap ?? null, place };
  return remembered<string[]>(cacheDir, 'cfg', asked, async () => {
    const argv = [rustc, '--print', 'cfg', '--target', target, ...(unstable ? ['-Z', 'unstable-options'] : []), ...flags];
    const env: Record<string, string> = bootstrap === undefined ? {} : { RUSTC_BOOTSTRAP: bootstrap };
    const text = await outputOf(`ask rustc about the target "${target}"`, argv, { cwd, env, signal });
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
