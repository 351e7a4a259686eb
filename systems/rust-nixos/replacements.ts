// Programs of Debian that are replaced by Rust ones: the removed, provided and kept files, and the checks in
// the guest.
import type { GuestCheck } from '../../lib/console/rules.ts';
import type { FileFacts, Replacement } from '../../lib/system/image-facts.ts';
import { coreutils } from './commands.ts';
import type { Made } from './components.ts';

/** Paths below usr/. */
const words = (text: string): readonly string[] => text.split(' ').map((path) => `usr/${path}`);

/** Returns every command as a link to the one program. */
function links(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries([...names.map((name) => [`usr/bin/${name}`, name] as const), ['usr/sbin/chroot', 'chroot']]);
}

/** sudo-rs reads the same file as sudo does. */
export const sudoers: FileFacts<never> = {
  'etc/sudoers': {
    text:
      'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n' +
      'root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n',
    mode: 0o440,
  },
};

const pam =
  '#%PAM-1.0\n@include common-auth\n@include common-account\n@include common-session-noninteractive\n' + 'session required pam_limits.so\n';

/** Returns a row for a program that replaces no other one. */
function extra<Name extends string>(name: Name, version: string): Replacement<`${Name}/${Name}`> {
  const says = new RegExp(`^${name} v?${version.replaceAll('.', '\\.')}`, 'm');
  return {
    original: [],
    provides: { [`usr/bin/${name}`]: { made: `${name}/${name}` } },
    checks: [{ name: `${name} runs`, run: `${name} --version`, expect: says }],
  };
}

/** Programs of the profile with additional programs. */
export const extras = {
  bat: extra('bat', '0.25'),
  eza: extra('eza', '- A modern'),
  hexyl: extra('hexyl', '0.8'),
  just: extra('just', '1.40'),
  tokei: extra('tokei', '12.1'),
};

export const extraNames = ['bat', 'eza', 'hexyl', 'just', 'tokei'] as const satisfies readonly (keyof typeof extras)[];

const lsIsRust: GuestCheck = {
  name: 'ls is the one of uutils',
  run: 'ls --version',
  expect: /^(?:\/\S+\/)?ls (?:\(uutils coreutils\) )?0\.0\.30/m,
};

/** Without shared libraries. */
export const staticCoreutils = {
  original: ['coreutils'],
  provides: {},
  multicall: {
    program: 'coreutils-static/coreutils',
    at: 'usr/lib/rust/coreutils',
    links: links(coreutils.filter((name) => name !== 'expr')),
  },
  dispensable: words('bin/chcon bin/expr bin/factor bin/runcon bin/stdbuf'),
  checks: [lsIsRust],
} as const satisfies Replacement<Made>;

/** The replacements of a profile of full size, which needs `rustComponents`. */
export const rust = ['coreutils', 'sudo', 'findutils'] as const;
export const rustReplacements = {
  coreutils: {
    original: ['coreutils'],
    provides: {},
    multicall: { program: 'coreutils/coreutils', at: 'usr/lib/rust/coreutils', links: links(coreutils) },
    stays: ['usr/bin/chcon', 'usr/bin/factor', 'usr/bin/runcon', 'usr/bin/stdbuf', 'usr/libexec/coreutils/'],
    checks: [
      lsIsRust,
      { name: 'sort and mktemp work', run: 'printf "b\\na\\n" | sort | tr "\\n" " "; test -f "$(mktemp)"', expect: /^a b/ },
      { name: 'GNU keeps factor', run: 'factor 42', expect: /^42: 2 3 7$/m },
    ],
  },
  sudo: {
    original: ['sudo'],
    provides: {
      'usr/bin/sudo': { made: 'sudo-rs/sudo', mode: 0o4755 },
      'usr/sbin/visudo': { made: 'sudo-rs/visudo' },
      'etc/pam.d/sudo': { text: pam },
      'etc/pam.d/sudo-i': { text: pam },
      'etc/sudoers.d': { folder: true, mode: 0o750 },
    },
    // Features that sudo-rs does not have: plug-ins, logging to a server, editing as another user.
    dispensable: ['bin/cvtsudoers', 'bin/sudoedit', 'bin/sudoreplay', 'sbin/sudo_logsrvd', 'sbin/sudo_sendlog'].map(
      (path) => `usr/${path}`,
    ),
    checks: [{ name: 'sudo is sudo-rs', run: 'sudo --version', expect: /^sudo-rs 0\.2\.5/m }],
  },
  findutils: {
    original: ['findutils'],
    provides: { 'usr/bin/find': { made: 'findutils/find' }, 'usr/bin/xargs': { made: 'findutils/xargs' } },
    checks: [
      { name: 'find is the one of uutils', run: 'find --version', expect: /^find \(Rust\) 0\.8\.0/m },
      { name: 'find finds', run: 'find /etc -maxdepth 1 -name hostname | xargs -n 1 wc -l', expect: /^ *1 \/etc\/hostname$/m },
    ],
  },
} as const satisfies Readonly<Record<(typeof rust)[number], Replacement<Made>>>;

export const replacements: Readonly<Record<string, Replacement<Made>>> = {
  ...extras,
  ...rustReplacements,
  'coreutils-static': staticCoreutils,
  init: {
    // Together with packages that only it uses: its scripts, and those of the network.
    original: [
      'sysvinit-core',
      'initscripts',
      'sysv-rc',
      'insserv',
      'startpar',
      'ifupdown',
      'udhcpc',
      'busybox',
      'orphan-sysvinit-scripts',
    ],
    // halt, poweroff and reboot are links that the services add.
    dispensable: words(
      'bin/busybox bin/startpar sbin/fsck.nfs sbin/halt sbin/ifdown sbin/ifquery sbin/ifup sbin/insserv sbin/poweroff',
    ).concat(words('sbin/reboot sbin/runlevel sbin/shutdown sbin/telinit sbin/udhcpc')),
    provides: { 'usr/sbin/init': { made: 'init/init' } },
    checks: [],
  },
  probe: { original: [], provides: { 'usr/bin/probe': { made: 'init/probe' } }, checks: [] },
  shell: {
    original: ['bash'],
    provides: { 'usr/bin/bash': { made: 'shell-launcher/launcher' }, 'usr/bin/brush': { made: 'brush/brush' } },
    // brush reads its start-up files too.
    stays: ['etc/bash.bashrc', 'etc/skel/', 'usr/bin/clear_console', 'usr/share/debianutils/shells.d/bash'],
    // brush has no restricted mode, and the name would suggest one.
    dispensable: words('bin/bashbug bin/rbash'),
    checks: [
      { name: 'the login shell is brush', run: 'readlink /proc/$$/exe', expect: /^\/usr\/bin\/brush$/m },
      { name: 'bash takes flags in one word', run: 'bash -euc "false; echo on"; echo "status $?"', expect: /^status 1$/m },
    ],
  },
  /** Uses the units and rules of the one in C. */
  systemd: {
    original: [],
    provides: { 'usr/lib/systemd/systemd': { made: 'rust-systemd/systemd' }, 'usr/bin/systemctl': { made: 'rust-systemd/systemctl' } },
    checks: [],
  },
};
