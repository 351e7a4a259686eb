// The command that installs packages on a distribution, for users to copy. Only computes. Format of
// os-release: os-release(5).
import { byCodeUnit } from '../core/digest.ts';
import type { Packages } from '../core/tools.ts';

/** A group of distributions with the same package manager and names of packages. */
export type Family = keyof Packages;

interface Manager {
  readonly title: string;
  readonly words: string;
  /** Whether the command changes the system and therefore needs root. */
  readonly asRoot: boolean;
}

const managers: Readonly<Record<Family, Manager>> = {
  debian: { title: 'Debian, Ubuntu', words: 'apt-get install --no-install-recommends', asRoot: true },
  fedora: { title: 'Fedora', words: 'dnf install', asRoot: true },
  arch: { title: 'Arch', words: 'pacman -S --needed', asRoot: true },
  opensuse: { title: 'openSUSE', words: 'zypper install --no-recommends', asRoot: true },
  alpine: { title: 'Alpine', words: 'apk add', asRoot: true },
  nix: { title: 'Nix', words: 'nix-shell -p', asRoot: false },
};

/** Possible values of ID and ID_LIKE in os-release. */
const families: Readonly<Record<string, Family>> = {
  debian: 'debian',
  ubuntu: 'debian',
  fedora: 'fedora',
  rhel: 'fedora',
  arch: 'arch',
  suse: 'opensuse',
  opensuse: 'opensuse',
  alpine: 'alpine',
  nixos: 'nix',
};

/** Returns the family of an os-release file, by its ID, else by ID_LIKE. Undefined if neither is known. */
export function familyOf(osRelease: string): Family | undefined {
  const field = (name: string): string => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const ids = [field('ID'), ...field('ID_LIKE').split(' ')].map((id) => id.replace(/^opensuse-.*/, 'opensuse'));
  return ids.map((id) => (Object.hasOwn(families, id) ? families[id] : undefined)).find((family) => family !== undefined);
}

/** Returns the command for the family. If the family is not known, returns one line for each family. */
export function installCommands(packages: readonly Packages[], family?: Family, root = false): readonly string[] {
  const command = (of: Family): string => {
    const { words, asRoot } = managers[of];
    const names = [...new Set(packages.flatMap((entry) => entry[of].split(' ')))].sort(byCodeUnit);
    return [...(asRoot && !root ? ['sudo'] : []), words, ...names].join(' ');
  };
  if (family !== undefined) return [command(family)];
  const known: readonly Family[] = ['debian', 'fedora', 'arch', 'opensuse', 'alpine', 'nix'];
  return known.map((of) => `${`${managers[of].title}:`.padEnd(16)}${command(of)}`);
}
