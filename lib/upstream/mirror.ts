// Mirrors: prefixes of addresses that are replaced before anything is downloaded. The longest prefix wins, as with git's url.<base>.insteadOf.
import { cannot } from '../core/errors.ts';

export interface Mirror {
  readonly from: string;
  readonly to: string;
}

/** Parses FROM=TO. Throws a Failure (usage). */
export function mirrorOf(rule: string): Mirror {
  const at = rule.indexOf('=');
  const [from, to] = [rule.slice(0, at), rule.slice(at + 1)];
  if (at < 1 || to === '') throw cannot(`use --mirror "${rule}"`, 'it must be FROM=TO', { blame: 'usage' });
  return { from, to };
}

/** Returns the address that is used in place of `url`. */
export function mirrored(url: string, mirrors: readonly Mirror[]): string {
  const fitting = mirrors.filter(({ from }) => url.startsWith(from)).sort((a, b) => b.from.length - a.from.length);
  const [best] = fitting;
  return best === undefined ? url : `${best.to}${url.slice(best.from.length)}`;
}
