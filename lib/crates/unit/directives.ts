// Parses a build script's directives for cargo, line by line from its standard output: all directives of
// cargo 1.98, in both syntaxes (`cargo::KEY=VALUE` since 1.77, `cargo:KEY=VALUE` before). Also refuses
// well-formed directives that cargo refuses. Pure.
import { cannot } from '../../core/errors.ts';
import type { Package } from '../cargo/package.ts';
import { compareReleases } from '../toolchain/toolchain.ts';

export interface Directives {
  /** `-l` values, in order. */
  readonly linkLibs: readonly string[];
  /** `-L` values, in order. */
  readonly linkSearch: readonly string[];
  readonly linkArgs: readonly LinkArg[];
  readonly cfgs: readonly string[];
  readonly checkCfgs: readonly string[];
  /** rustc-env: NAME -> value. */
  readonly env: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
  readonly rerunIfChanged: readonly string[];
  readonly rerunIfEnvChanged: readonly string[];
  /** Variables that dependents get as DEP_<LINKS>_<KEY>. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether it printed `cargo::KEY=VALUE`. */
  readonly newSyntax: boolean;
  /** Whether it tried to set RUSTC_BOOTSTRAP, which is never done. */
  readonly wantsBootstrap: boolean;
}

/** An argument for the linker and the targets that it is for. `bin` names one binary. */
export interface LinkArg {
  readonly arg: string;
  readonly for: 'all' | 'bins' | 'tests' | 'benches' | 'examples' | 'cdylib' | { readonly bin: string };
}

const linkArgKinds: ReadonlyMap<string, LinkArg['for']> = new Map<string, LinkArg['for']>(
  Object.entries({
    'rustc-link-arg': 'all',
    'rustc-link-arg-bins': 'bins',
    'rustc-link-arg-tests': 'tests',
    'rustc-link-arg-benches': 'benches',
    'rustc-link-arg-examples': 'examples',
    'rustc-link-arg-cdylib': 'cdylib',
    'rustc-cdylib-link-arg': 'cdylib',
  } as const),
);

/** Cargo refuses this too: a crate could otherwise enable unstable features on a stable compiler. */
const bootstrapWarning = 'it tries to set RUSTC_BOOTSTRAP, which is reserved for the user; it is not set';

/** Parses a script's output. A key or value that cargo refuses is a Failure that names the package. */
export function parseDirectives(stdout: string, packageName: string): Directives {
  const linkLibs: string[] = [];
  const linkSearch: string[] = [];
  const linkArgs: LinkArg[] = [];
  const cfgs: string[] = [];
  const checkCfgs: string[] = [];
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  const errors: string[] = [];
  const rerunIfChanged: string[] = [];
  const rerunIfEnvChanged: string[] = [];
  const metadata: Record<string, string> = {};
  let newSyntax = false;
  let wantsBootstrap = false;

  for (const line of stdout.split('\n')) {
    if (/[\u{dc80}-\u{dcff}]/u.test(line)) continue; // a byte that is not UTF-8 (lib/core/paths.ts): cargo skips the line, too
    const match = /^cargo(::?)(.*)$/s.exec(trimmed(line));
    if (!match) continue;
    const [, colons, rest = ''] = match;
    newSyntax ||= colons === '::';
    const refuse = (why: string): Error => cannot(`run the build script of ${packageName}`, `${why}: "${trimmed(line)}"`);
    const split = (text: string): readonly [string, string] => {
      const at = text.indexOf('=');
      if (at < 0) throw refuse('expected NAME=VALUE');
      return [text.slice(0, at), text.slice(at + 1)];
    };
    const [key, value] = split(rest);
    const pair = (): readonly [string, string] => split(value);
    const linkFor = linkArgKinds.get(key);
    if (linkFor) linkArgs.push({ arg: value, for: linkFor });
    else if (key === 'rustc-link-arg-bin') linkArgs.push({ arg: pair()[1], for: { bin: pair()[0] } });
    else if (key === 'rustc-flags') takeFlags(value, linkLibs, linkSearch, refuse);
    else if (key === 'rustc-link-lib') linkLibs.push(value);
    else if (key === 'rustc-link-search') linkSearch.push(value);
    else if (key === 'rustc-cfg') cfgs.push(value);
    else if (key === 'rustc-check-cfg') checkCfgs.push(value);
    else if (key === 'rustc-env' && pair()[0] === 'RUSTC_BOOTSTRAP') {
      wantsBootstrap = true;
      warnings.push(bootstrapWarning);
    } else if (key === 'rustc-env') env[pair()[0]] = pair()[1];
    else if (key === 'warning') warnings.push(value);
    else if (key === 'rerun-if-changed') rerunIfChanged.push(value);
    else if (key === 'rerun-if-env-changed') rerunIfEnvChanged.push(value);
    else if (colons === '::' && key === 'error') errors.push(value);
    else if (colons === '::' && key === 'metadata') metadata[pair()[0]] = pair()[1];
    else if (colons === '::') throw refuse('there is no such directive');
    else metadata[key] = value;
  }
  return {
    linkLibs,
    linkSearch,
    linkArgs,
    cfgs,
    checkCfgs,
    env,
    warnings,
    errors,
    rerunIfChanged,
    rerunIfEnvChanged,
    metadata,
    newSyntax,
    wantsBootstrap,
  };
}

/** Removes white space at both ends like Rust's str::trim: U+0085 counts, U+FEFF does not. */
function trimmed(line: string): string {
  return line.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, '');
}

/** `rustc-flags` may contain only -l and -L, with or without a space. */
function takeFlags(value: string, linkLibs: string[], linkSearch: string[], refuse: (why: string) => Error): void {
  const words = value.split(/\s+/).filter((word) => word !== '');
  while (words.length > 0) {
    const word = words.shift() ?? '';
    const argument = word.length > 2 ? word.slice(2) : words.shift();
    if (argument === undefined || !/^-[lL]/.test(word)) throw refuse('only -l and -L are allowed in rustc-flags');
    (word.startsWith('-l') ? linkLibs : linkSearch).push(argument);
  }
}

/** The first release that supports `cargo::KEY=VALUE`. */
const newSyntaxSince = '1.77.0';

/**
 * Returns the Failure with which cargo would end a build because of these directives, or undefined. `unstableCargo`
 * is that of the toolchain.
 */
export function scriptRefusal(directives: Directives, owner: Package, unstableCargo: boolean): Error | undefined {
  if (directives.errors.length > 0) {
    const detail = directives.errors.map((error) => `error: ${error}`).join('\n');
    return cannot(`build ${owner.name}`, 'its build script reported an error', { detail });
  }
  const refused = whatIsRefused(directives, owner, unstableCargo);
  return refused && cannot(`run the build script of ${owner.name}`, refused.why, { hint: refused.hint });
}

function whatIsRefused(
  { linkArgs, newSyntax, wantsBootstrap }: Directives,
  { rustVersion, bins, kinds }: Package,
  unstableCargo: boolean,
): { readonly why: string; readonly hint?: string } | undefined {
  if (wantsBootstrap && !unstableCargo) {
    return { why: 'it tries to set RUSTC_BOOTSTRAP, which a crate may not', hint: 'a nightly toolchain builds it: --toolchain nightly' };
  }
  if (newSyntax && rustVersion !== '' && compareReleases(rustVersion, newSyntaxSince) < 0) {
    return { why: `it prints cargo::KEY=VALUE, which ${rustVersion}, its package's rust-version, does not support` };
  }
  for (const { for: whom } of linkArgs) {
    if (typeof whom === 'object') {
      if (!bins.includes(whom.bin))
        return { why: `it has arguments for a program "${whom.bin}", and its package has no program of that name` };
    } else if (whom in kindOf && !kinds.includes(kindOf[whom] ?? '')) {
      return { why: `it has arguments for ${whom}, and its package has no such target` };
    }
  }
  return undefined;
}

/** The package must have targets of these kinds if a script names them. A cdylib may be missing. */
const kindOf: Readonly<Record<string, string>> = { bins: 'bin', tests: 'test', benches: 'bench', examples: 'example' };
