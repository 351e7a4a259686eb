// "busybox-1.36.1" apart into name and version, as Nix does: at the first dash that no letter follows. Outputs of one package (-bin, -dev) count for
// one. Source: libexpr/names.cc, DrvName, and nix/diff-closures.cc.

const outputs = ['bin', 'dev', 'devdoc', 'doc', 'info', 'lib', 'man', 'debug', 'dbg'];
const outputSuffix = new RegExp(`-(?:${outputs.join('|')})$`);

export interface NameVersion {
  readonly name: string;
  /** '' where there is none. */
  readonly version: string;
}

export function nameVersion(plainName: string): NameVersion {
  const dash = /-(?![a-zA-Z])/.exec(plainName);
  if (!dash || dash.index === plainName.length - 1) return { name: plainName, version: '' };
  return { name: plainName.slice(0, dash.index), version: plainName.slice(dash.index + 1).replace(outputSuffix, '') };
}
