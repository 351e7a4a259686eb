// The commands that install packages on each family of distributions, for a person to copy. Only computes.
import { byCodeUnit } from '../core/digest.ts';
import type { Packages } from '../core/tools.ts';

/** The commands that install `packages`, one a line, for each family of distributions. */
export function installCommands(packages: readonly Packages[]): readonly string[] {
  const names = (family: keyof Packages): string =>
    [...new Set(packages.flatMap((entry) => entry[family].split(' ')))].sort(byCodeUnit).join(' ');
  return [
    `Debian, Ubuntu: sudo apt-get install --no-install-recommends ${names('debian')}`,
    `Fedora:         sudo dnf install ${names('fedora')}`,
    `Arch:           sudo pacman -S --needed ${names('arch')}`,
    `Nix:            nix-shell -p ${names('nix')}`,
  ];
}
