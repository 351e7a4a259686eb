// Redox's own sources: the repository of each component, its build, and the paths of its files. A build of
// the bundled sources does not use this module. Components that the page does not pin follow their branch.
// sources.lock, which tasks/fetch.ts writes, has the revisions.
import type { UpstreamOrigin } from '../../lib/system/component.ts';
import type { UpstreamPackage } from '../../lib/system/system.ts';
import type { FileFacts } from '../../lib/system/image-facts.ts';

const redoxOs = (name: string): string => `https://gitlab.redox-os.org/redox-os/${name}.git`;
const github = (name: string): string => `https://github.com/${name}.git`;

/** Redox's user programs. rustc has the triple built in. Its standard library is compiled from source. */
const userland = {
  triple: 'x86_64-unknown-redox',
  buildStd: ['core', 'alloc', 'std', 'panic_abort'],
  buildStdFeatures: ['compiler-builtins-mem'],
} as const;

const freestanding = { buildStd: ['core', 'alloc'], buildStdFeatures: ['compiler-builtins-mem'] } as const;

/** The sources of the components that the bundled system also has. */
export const origins = {
  bootloader: {
    git: redoxOs('bootloader'),
    branch: 'master',
    cargo: {
      packages: ['bootloader'],
      bins: ['bootloader'],
      triple: 'x86_64-unknown-uefi',
      ...freestanding,
      configs: ['redox/cargo/bootloader.toml'],
    },
  },
  kernel: {
    git: redoxOs('kernel'),
    branch: 'master',
    cargo: {
      packages: ['kernel'],
      bins: ['kernel'],
      triple: 'targets/x86_64-unknown-kernel.json',
      ...freestanding,
      configs: ['redox/cargo/kernel.toml'],
    },
  },
  bootstrap: {
    git: redoxOs('base'),
    branch: 'main',
    folder: 'bootstrap',
    // It is linked without the C library, so it does not use the triple of programs that are linked with it.
    cargo: { packages: ['bootstrap'], bins: ['bootstrap'], triple: 'x86_64-unknown-none', ...freestanding },
  },
} as const satisfies Readonly<Record<string, UpstreamOrigin>>;

/** Programs of base, by folder of the file system. */
const base = {
  initfs: {
    bin: [
      ...['init', 'logd', 'ramfs', 'randd', 'zerod', 'acpid', 'fbbootlogd', 'fbcond', 'hwd', 'inputd', 'lived'],
      ...['pcid', 'pcid-spawner', 'rtcd', 'vesad', 'ps2d'],
    ],
    'lib/drivers': ['nvmed', 'virtio-blkd', 'virtio-gpud', 'ahcid', 'ided'],
  },
  root: {
    'usr/bin': ['inputd', 'pcid', 'pcid-spawner', 'redoxerd', 'audiod', 'dhcpd', 'ipcd', 'ptyd', 'netstack'],
    'usr/lib/drivers': [
      ...['e1000d', 'ihdad', 'ihdgd', 'ixgbed', 'rtl8139d', 'rtl8168d', 'usbctl', 'usbhidd', 'usbhubd', 'usbscsid', 'virtio-netd'],
      ...['xhcid', 'ac97d', 'sb16d', 'vboxd'],
    ],
  },
};

/** Returns a row for each program of a component: "usr/bin/ls" is the output "ls". */
function programs(component: string, folders: Readonly<Record<string, readonly string[]>>): FileFacts {
  const rows = Object.entries(folders).flatMap(([folder, names]) =>
    names.map((name) => [`${folder}/${name}`, { made: `${component}/${name}` }] as const),
  );
  return Object.fromEntries(rows);
}

/** Commands of the program coreutils with Redox's features. Upstream installs no link for df. */
const coreutils =
  `[ b2sum b3sum base32 base64 basename basenc cat chmod cksum comm cp csplit cut date dd dir dircolors dirname du echo env expand expr
  factor false fmt fold hashsum head join kill link ln ls md5sum mkdir mktemp more mv nl numfmt od paste pathchk pr printenv printf ptx pwd readlink
  realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat sum tac tail tee test touch tr true truncate
  tsort uname unexpand uniq unlink vdir wc yes`.split(/\s+/);

const inUsrBin = (component: string, ...names: readonly string[]): FileFacts => programs(component, { 'usr/bin': names });

/** Rows of the root file system that replace the page's in a build of upstream's sources. */
export const files: FileFacts = Object.fromEntries(
  ['boot/initfs', 'usr/lib/boot/initfs'].map((path) => [
    path,
    {
      initfs: {
        generation: 'newer',
        bootstrap: 'bootstrap/bootstrap',
        files: {
          ...programs('base', base.initfs),
          'bin/redoxfs': { made: 'redoxfs/redoxfs' },
          'lib/init.d': { source: 'base:init.initfs.d' },
          'lib/pcid.d/initfs.toml': { source: 'base:drivers/initfs.toml' },
        },
      },
    },
  ]),
);

const allBase = [...new Set([...Object.values(base.initfs).flat(), ...Object.values(base.root).flat()])];

/** Packages of the configurations that have no bundled source. A build of the bundled sources leaves them out and reports it. */
export const packages: Readonly<Record<string, UpstreamPackage>> = {
  base: {
    title: 'drivers, init and daemons',
    upstream: {
      git: redoxOs('base'),
      branch: 'main',
      cargo: { bins: allBase, ...userland, configs: ['redox/cargo/base.toml'] },
    },
    install: {
      ...programs('base', base.root),
      'usr/bin/smolnetd': { made: 'base/netstack' }, // upstream installs netstack under this name
      'usr/lib/init.d': { source: 'base:init.d' },
    },
  },
  redoxfs: {
    title: 'the file system',
    upstream: { git: redoxOs('redoxfs'), cargo: { bins: ['redoxfs', 'redoxfs-mkfs'], defaultFeatures: false, ...userland } },
    install: inUsrBin('redoxfs', 'redoxfs', 'redoxfs-mkfs'),
  },
  ion: {
    title: 'the shell',
    upstream: { git: redoxOs('ion'), revisionFile: 'git_revision.txt', cargo: { bins: ['ion'], ...userland } },
    install: { ...inUsrBin('ion', 'ion'), 'usr/bin/sh': { link: 'ion' } },
  },
  uutils: {
    title: 'coreutils in Rust',
    upstream: {
      git: github('uutils/coreutils'),
      tag: '0.0.27',
      cargo: { bins: ['coreutils'], defaultFeatures: false, features: ['feat_os_unix_redox', 'kill'], ...userland },
    },
    install: {
      ...inUsrBin('uutils', 'coreutils'),
      ...Object.fromEntries(coreutils.map((name) => [`usr/bin/${name}`, { link: 'coreutils' }] as const)),
    },
  },
  binutils: {
    title: 'strings, hex, hexdump',
    upstream: { git: redoxOs('binutils'), cargo: { bins: ['strings', 'hex', 'hexdump'], ...userland } },
    install: inUsrBin('binutils', 'strings', 'hex', 'hexdump'),
  },
  extrautils: {
    title: 'grep, tar, gzip, less and others',
    upstream: { git: redoxOs('extrautils'), cargo: { bins: ['grep', 'tar', 'gzip', 'less', 'dmesg', 'watch'], ...userland } },
    install: inUsrBin('extrautils', 'grep', 'tar', 'gzip', 'less', 'dmesg', 'watch'),
  },
  netutils: {
    title: 'dns, ping, ifconfig, nc',
    upstream: { git: redoxOs('netutils'), cargo: { bins: ['dns', 'ping', 'ifconfig', 'nc'], ...userland } },
    install: inUsrBin('netutils', 'dns', 'ping', 'ifconfig', 'nc'),
  },
  userutils: {
    title: 'getty, login, passwd, su, sudo',
    upstream: { git: redoxOs('userutils'), cargo: { bins: ['getty', 'login', 'passwd', 'su', 'sudo'], ...userland } },
    install: inUsrBin('userutils', 'getty', 'login', 'passwd', 'su', 'sudo'),
  },
  helix: {
    title: 'an editor',
    upstream: {
      git: redoxOs('helix'),
      branch: 'redox',
      cargo: { packages: ['helix-term'], bins: ['hx'], ...userland, env: { HELIX_DISABLE_AUTO_GRAMMAR_BUILD: '1' } },
    },
    install: { 'usr/bin/helix': { made: 'helix/hx' } },
  },
  sodium: {
    title: 'a small editor',
    upstream: { git: redoxOs('sodium'), cargo: { bins: ['sodium'], defaultFeatures: false, features: ['ansi'], ...userland } },
    install: { ...inUsrBin('sodium', 'sodium'), 'usr/bin/vi': { link: 'sodium' } },
  },
  ripgrep: {
    title: 'rg',
    upstream: { git: github('BurntSushi/ripgrep'), tag: '14.1.1', cargo: { bins: ['rg'], ...userland } },
    install: inUsrBin('ripgrep', 'rg'),
  },
  fd: {
    title: 'a find',
    upstream: { git: github('sharkdp/fd'), tag: 'v10.2.0', cargo: { bins: ['fd'], ...userland } },
    install: inUsrBin('fd', 'fd'),
  },
  bat: {
    title: 'a cat with colours',
    upstream: { git: github('sharkdp/bat'), tag: 'v0.24.0', cargo: { bins: ['bat'], ...userland } },
    install: inUsrBin('bat', 'bat'),
  },
  hexyl: {
    title: 'a hex viewer',
    upstream: { git: github('sharkdp/hexyl'), tag: 'v0.14.0', cargo: { bins: ['hexyl'], ...userland } },
    install: inUsrBin('hexyl', 'hexyl'),
  },
  zoxide: {
    title: 'a cd that remembers',
    upstream: { git: github('ajeetdsouza/zoxide'), tag: 'v0.9.4', cargo: { bins: ['zoxide'], ...userland } },
    install: inUsrBin('zoxide', 'zoxide'),
  },
  dust: {
    title: 'a du',
    upstream: { git: github('bootandy/dust'), tag: 'v1.0.0', cargo: { bins: ['dust'], ...userland } },
    install: inUsrBin('dust', 'dust'),
  },
  orbital: {
    title: 'the desktop',
    upstream: { git: redoxOs('orbital'), cargo: { bins: ['orbital'], ...userland } },
    install: inUsrBin('orbital', 'orbital'),
  },
  orbterm: {
    title: 'its terminal',
    upstream: { git: redoxOs('orbterm'), cargo: { bins: ['orbterm'], ...userland } },
    install: inUsrBin('orbterm', 'orbterm'),
  },
  orbutils: {
    title: 'login, background',
    upstream: { git: redoxOs('orbutils'), cargo: { bins: ['orblogin', 'background'], ...userland } },
    install: inUsrBin('orbutils', 'orblogin', 'background'),
  },
  orbdata: {
    title: 'icons and fonts of the desktop',
    upstream: { git: redoxOs('orbdata') },
    install: { ui: { source: 'orbdata:ui' } },
  },
};
