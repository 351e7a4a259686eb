// Host programs: where they are, and how a person gets one that is missing. The table is data; adding a tool is one row.
import { cannot } from './errors.ts';
import { findProgram } from './sh.ts';

/** What a distribution calls the package that has a tool. */
export interface Packages {
  readonly debian: string;
  readonly fedora: string;
  readonly arch: string;
  readonly nix: string;
}

export const toolPackages: Readonly<Record<string, Packages>> = {
  addr2line: { debian: 'binutils', fedora: 'binutils', arch: 'binutils', nix: 'binutils' },
  bwrap: { debian: 'bubblewrap', fedora: 'bubblewrap', arch: 'bubblewrap', nix: 'bubblewrap' },
  bzip2: { debian: 'bzip2', fedora: 'bzip2', arch: 'bzip2', nix: 'bzip2' },
  cc: { debian: 'gcc libc6-dev', fedora: 'gcc', arch: 'gcc', nix: 'gcc' },
  // C for a system's own triple.
  clang: { debian: 'clang', fedora: 'clang', arch: 'clang', nix: 'clang' },
  'ld.lld': { debian: 'lld', fedora: 'lld', arch: 'lld', nix: 'lld' },
  'llvm-ar': { debian: 'llvm', fedora: 'llvm', arch: 'llvm', nix: 'llvm' },
  cpio: { debian: 'cpio', fedora: 'cpio', arch: 'cpio', nix: 'cpio' },
  curl: { debian: 'curl', fedora: 'curl', arch: 'curl', nix: 'curl' },
  gdb: { debian: 'gdb', fedora: 'gdb', arch: 'gdb', nix: 'gdb' },
  git: { debian: 'git', fedora: 'git-core', arch: 'git', nix: 'git' },
  // Headers of libraries that programs of crates link: lib/host/host-checks.ts knows the files.
  libpam: { debian: 'libpam0g-dev', fedora: 'pam-devel', arch: 'pam', nix: 'pam' },
  oniguruma: { debian: 'libonig-dev', fedora: 'oniguruma-devel', arch: 'oniguruma', nix: 'oniguruma' },
  'pkg-config': { debian: 'pkg-config', fedora: 'pkgconf', arch: 'pkgconf', nix: 'pkg-config' },
  'mkfs.vfat': { debian: 'dosfstools', fedora: 'dosfstools', arch: 'dosfstools', nix: 'dosfstools' },
  // Firmware, no program: lib/machine/firmware.ts knows its files.
  OVMF: { debian: 'ovmf', fedora: 'edk2-ovmf', arch: 'edk2-ovmf', nix: 'OVMF.fd' },
  depmod: { debian: 'kmod', fedora: 'kmod', arch: 'kmod', nix: 'kmod' },
  'dpkg-deb': { debian: 'dpkg', fedora: 'dpkg', arch: 'dpkg', nix: 'dpkg' },
  'dpkg-scanpackages': { debian: 'dpkg-dev', fedora: 'dpkg-dev', arch: 'dpkg', nix: 'dpkg' },
  'grub-mkimage': {
    debian: 'grub-common grub-efi-amd64-bin',
    fedora: 'grub2-tools-minimal grub2-efi-x64-modules',
    arch: 'grub',
    nix: 'grub2_efi',
  },
  ip: { debian: 'iproute2', fedora: 'iproute', arch: 'iproute2', nix: 'iproute2' },
  lz4: { debian: 'lz4', fedora: 'lz4', arch: 'lz4', nix: 'lz4' },
  lzip: { debian: 'lzip', fedora: 'lzip', arch: 'lzip', nix: 'lzip' },
  mke2fs: { debian: 'e2fsprogs', fedora: 'e2fsprogs', arch: 'e2fsprogs', nix: 'e2fsprogs' },
  mmdebstrap: { debian: 'mmdebstrap', fedora: 'mmdebstrap', arch: 'mmdebstrap', nix: 'mmdebstrap' },
  mcopy: { debian: 'mtools', fedora: 'mtools', arch: 'mtools', nix: 'mtools' },
  nft: { debian: 'nftables', fedora: 'nftables', arch: 'nftables', nix: 'nftables' },
  patch: { debian: 'patch', fedora: 'patch', arch: 'patch', nix: 'patch' },
  'nix-store': { debian: 'nix-bin', fedora: 'nix', arch: 'nix', nix: 'nix' },
  'qemu-system-x86_64': { debian: 'qemu-system-x86', fedora: 'qemu-system-x86', arch: 'qemu-system-x86', nix: 'qemu' },
  setfattr: { debian: 'attr', fedora: 'attr', arch: 'attr', nix: 'attr' },
  setpriv: { debian: 'util-linux', fedora: 'util-linux', arch: 'util-linux', nix: 'util-linux' },
  sfdisk: { debian: 'fdisk', fedora: 'util-linux', arch: 'util-linux', nix: 'util-linux' },
  tar: { debian: 'tar', fedora: 'tar', arch: 'tar', nix: 'gnutar' },
  xorriso: { debian: 'xorriso', fedora: 'xorriso', arch: 'libisoburn', nix: 'xorriso' },
  xz: { debian: 'xz-utils', fedora: 'xz', arch: 'xz', nix: 'xz' },
};

/** Programs of administrators live in sbin, which an ordinary user's PATH lacks on Debian. */
export function searchPath(path: string): string {
  return `${path}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** The absolute path of a host program; a Failure (exit 69) that says how to install it when it is missing. */
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
