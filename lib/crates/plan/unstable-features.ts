// Unstable features of a nightly cargo that change how units are compiled and that its unit graph does not tell: those that are honoured, and those
// that are refused by name. Pure.
import { cannot } from '../../core/errors.ts';

/** Names of `cargo-features` and of [unstable] that would have to be honoured and are not. */
const unsupported: ReadonlySet<string> = new Set([
  'any-build-script-metadata',
  'dual-proc-macros',
  'embed-metadata',
  'host-config',
  'metabuild',
  'no-embed-metadata',
  'open-namespaces',
  'panic-immediate-abort',
  'profile-hint-mostly-unused',
  'sbom',
  'target-applies-to-host',
]);

export interface UnstableFeatures {
  readonly trimPaths: boolean;
  readonly publicDependency: boolean;
}

/**
 * What the configuration turns on. `variables` are the user's (CARGO_UNSTABLE_*), `manifestFeatures` the `cargo-features` of the project's packages.
 * A feature that is not supported is a Failure.
 */
export function unstableFeatures(
  dir: string,
  configured: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string>>,
  manifestFeatures: readonly string[],
): UnstableFeatures {
  const isOn = (name: string): boolean => {
    const variable = variables[`CARGO_UNSTABLE_${name.toUpperCase().replaceAll('-', '_')}`];
    return variable === undefined ? configured[name] !== undefined && configured[name] !== false : variable !== 'false';
  };
  for (const name of unsupported) {
    if (!isOn(name) && !manifestFeatures.includes(name)) continue;
    throw cannot(`build "${dir}"`, `it uses cargo's unstable feature "${name}", which is not supported`, {
      hint: 'build it with cargo, or without that feature',
    });
  }
  return {
    trimPaths: isOn('trim-paths') || manifestFeatures.includes('trim-paths'),
    publicDependency: isOn('public-dependency'),
  };
}
