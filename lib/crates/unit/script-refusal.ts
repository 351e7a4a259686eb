// What cargo does not let a build script say, though its words are well formed: it depends on the package and the compiler. A result with such
// words is remembered like others, so this is asked of hits as well. Pure.
import { cannot } from '../../core/errors.ts';
import type { Directives } from './directives.ts';
import type { Package } from '../cargo/package.ts';
import { compareReleases } from '../toolchain/toolchain.ts';

/** Since when `cargo::KEY=VALUE` is understood. */
const newSyntaxSince = '1.77.0';

/** The Failure with which cargo ends a build after a script said this; undefined where it goes on. `release` is the compiler's. */
export function scriptRefusal(directives: Directives, owner: Package, release: string): Error | undefined {
  if (directives.errors.length > 0) {
    const detail = directives.errors.map((error) => `error: ${error}`).join('\n');
    return cannot(`build ${owner.name}`, 'its build script says so', { detail });
  }
  const refused = whatIsRefused(directives, owner, release);
  return refused && cannot(`run the build script of ${owner.name}`, refused.why, { hint: refused.hint });
}

function whatIsRefused(
  { linkArgs, newSyntax, wantsBootstrap }: Directives,
  { rustVersion, bins, kinds }: Package,
  release: string,
): { readonly why: string; readonly hint?: string } | undefined {
  if (wantsBootstrap && !/nightly|dev/.test(release)) {
    return { why: 'it wants to set RUSTC_BOOTSTRAP, which a crate may not', hint: 'a nightly toolchain builds it: --toolchain nightly' };
  }
  if (newSyntax && rustVersion !== '' && compareReleases(rustVersion, newSyntaxSince) < 0) {
    return { why: `it says cargo::KEY=VALUE, which ${rustVersion}, its package's rust-version, does not know` };
  }
  for (const { for: whom } of linkArgs) {
    if (typeof whom === 'object') {
      if (!bins.includes(whom.bin)) return { why: `it has arguments for a program "${whom.bin}", and its package has none of that name` };
    } else if (whom in kindOf && !kinds.includes(kindOf[whom] ?? '')) {
      return { why: `it has arguments for ${whom}, and its package has none` };
    }
  }
  return undefined;
}

/** Targets of these kinds must be there when a script speaks of them; a cdylib need not. */
const kindOf: Readonly<Record<string, string>> = { bins: 'bin', tests: 'test', benches: 'bench', examples: 'example' };
