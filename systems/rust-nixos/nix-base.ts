// rust-nixos on NixOS instead of Debian (`build.ts rust-nixos --base nix`): the systems of nixos/default.nix,
// and the packages that they get from this project. Programs must be static, because NixOS has no /lib64.
// Programs that link libraries (for example sudo-rs) are nixpkgs' own.
import { MiB } from '../../lib/core/sizes.ts';
import type { FileFact, FileFacts, NixBase } from '../../lib/system/image-facts.ts';
import type { ComponentName, Made } from './components.ts';
import { replacements } from './replacements.ts';

/** The commands of the static coreutils, as links next to it. */
function coreutils(): FileFacts<Made> {
  const names = Object.values(replacements['coreutils-static']?.multicall?.links ?? {});
  const links = names.map((name): [string, FileFact<Made>] => [`bin/${name}`, { link: 'coreutils' }]);
  return { 'bin/coreutils': { made: 'coreutils-static/coreutils' }, ...Object.fromEntries(links) };
}

const vanilla = { attribute: 'vanilla', components: [], packages: {} };

export const nixBase: NixBase<ComponentName, Made> = {
  expression: 'rust-nixos/nixos',
  profiles: {
    rust: { attribute: 'rust', components: ['coreutils-static'], packages: { coreutils: coreutils() } },
    vanilla,
    'nixos-nix': vanilla,
  },
  image: {
    label: 'nixos',
    timestampSec: 1_767_225_600, // 2026-01-01
    spareBytes: 512 * MiB,
    files: {
      'etc/NIXOS': { text: '' },
      ...Object.fromEntries(['dev', 'proc', 'run', 'sys', 'var'].map((name) => [name, { folder: true }])),
    },
    link: 'nix/var/nix/profiles/system',
  },
};
