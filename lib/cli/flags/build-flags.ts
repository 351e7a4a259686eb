// The command line of a build, for tasks/build.ts and for tasks that begin with a build.
import type { Flag } from '../command-line.ts';
import { compilerFlags } from './compiler-flags.ts';
import { configurationFlags } from './configured-build.ts';
import { passwordFlags } from './disk-password.ts';
import { checkoutFlags, sourceFlags } from './source-flags.ts';

export const buildFlags = {
  profile: { type: 'string', value: 'P', help: "the variant of the image (default: the system's own)" },
  base: { type: 'string', value: 'debian|nix', help: 'put the programs on packages of Debian (the default) or on a closure of Nix' },
  ...sourceFlags,
  out: { type: 'string', value: 'DIR', help: 'where the image and its manifest go (default: out)' },
  scheme: { type: 'string', value: 'NAME', help: 'a scheme of the OSDK.toml of a checkout (--source asterinas=DIR)' },
  ...checkoutFlags,
  live: { type: 'boolean', help: 'build the variant that runs from memory' },
  encrypt: { type: 'boolean', help: 'encrypt the RedoxFS of the image; asks for a password' },
  ...passwordFlags,
  component: { type: 'string', value: 'C', help: 'build only this component or recipe, and no image' },
  ...configurationFlags,
  'dry-run': { type: 'boolean', help: 'print the plan, and build nothing' },
  ...compilerFlags,
} as const satisfies Record<string, Flag>;
