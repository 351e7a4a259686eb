// Programs of the host: where they are, and which package has a missing one. The table is data. A new tool is
// one row.
import { cannot } from './errors.ts';
import { findProgram } from './sh.ts';

/** The names of a tool's package in each distribution. */
export interface Packages {
  readonly debian: string;
  readonly fedora: string;
  readonly arch: string;
  readonly opensuse: string;
  readonly alpine: string;
  readonly nix: string;
}

/** Returns the same name for all distributions except those in `more`. */
function named(name: string, more: Partial<Packages> = {}): Packages {
  return { debian: name, fedora: name, arch: name, opensuse: name, alpine: name, nix: name, ...more };
}

export const toolPackages: Readonly<Record<string, Packages>> = {
  addr2line: named('binutils'),
  bwrap: named('bubblewrap'),
  bzip2: named('bzip2'),
  cc: named('gcc', { debian: 'gcc libc6-dev', alpine: 'gcc musl-dev' }),
  // C compilers for a system's own triple.
  clang: named('clang'),
  'ld.lld': named('lld'),
  'llvm-ar': named('llvm'),
  cpio: named('cpio'),
  curl: named('curl'),
  gdb: named('gdb'),
  git: named('git', { fedora: 'git-core', opensuse: 'git-core' }),
  // Headers of libraries that crates link with. lib/host/host-checks.ts has the names of the files.
  libpam: named('pam-devel', { debian: 'libpam0g-dev', arch: 'pam', alpine: 'linux-pam-dev', nix: 'pam' }),
  oniguruma: named('oniguruma-devel', { debian: 'libonig-dev', arch: 'oniguruma', alpine: 'oniguruma-dev', nix: 'oniguruma' }),
  'pkg-config': named('pkgconf', { debian: 'pkg-config', opensuse: 'pkgconf-pkg-config', nix: 'pkg-config' }),
  'mkfs.vfat': named('dosfstools'),
  // Firmware. lib/machine/firmware.ts has the names of its files.
  OVMF: named('ovmf', { fedora: 'edk2-ovmf', arch: 'edk2-ovmf', opensuse: 'qemu-ovmf-x86_64', nix: 'OVMF.fd' }),
  depmod: named('kmod'),
  'dpkg-deb': named('dpkg'),
  'dpkg-scanpackages': named('dpkg-dev', { arch: 'dpkg', opensuse: 'dpkg', nix: 'dpkg' }),
  'grub-mkimage': named('grub', {
    debian: 'grub-common grub-efi-amd64-bin',
    fedora: 'grub2-tools-minimal grub2-efi-x64-modules',
    opensuse: 'grub2 grub2-x86_64-efi',
    alpine: 'grub grub-efi',
    nix: 'grub2_efi',
  }),
  ip: named('iproute2', { fedora: 'iproute' }),
  lz4: named('lz4'),
  lzip: named('lzip'),
  mke2fs: named('e2fsprogs'),
  mmdebstrap: named('mmdebstrap'),
  mcopy: named('mtools'),
  nft: named('nftables'),
  patch: named('patch'),
  'nix-store': named('nix', { debian: 'nix-bin' }),
  'qemu-system-x86_64': named('qemu-system-x86', { opensuse: 'qemu-x86', alpine: 'qemu-system-x86_64', nix: 'qemu' }),
  setfattr: named('attr'),
  setpriv: named('util-linux', { alpine: 'setpriv' }),
  sfdisk: named('util-linux', { debian: 'fdisk', alpine: 'sfdisk' }),
  tar: named('tar', { nix: 'gnutar' }),
  xorriso: named('xorriso', { arch: 'libisoburn' }),
  xz: named('xz', { debian: 'xz-utils' }),
};

/**
 * Returns PATH with the sbin folders of administrators' programs, which an ordinary user's PATH on Debian
 * lacks.
 */
export function searchPath(path: string): string {
  return `${path}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** Returns the absolute path of a host program. A missing one is a Failure (exit 69) that names its package. */
export async function tool(name: string, path: string): Promise<string> {
  const found = await findProgram(name, searchPath(path));
  if (found) return found;
  throw cannot(`find "${name}"`, 'it is not installed', { blame: 'host', hint: installHint(name) });
}

export function installHint(name: string): string {
  const packages = toolPackages[name];
  const ours = 'npx zx tasks/doctor.ts --install';
  return packages ? `run ${ours}, or install the package ${packages.debian}` : `run ${ours}`;
}
