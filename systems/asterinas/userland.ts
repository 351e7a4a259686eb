// Programs in Rust, and the Debian root file system with them, from the page of rust-nixos: the same
// components and packages from the same sources. So both systems share the lock, the unpacked crates, the
// compiled units and the installed packages.
import type { FileFacts, RootFacts } from '../../lib/system/image-facts.ts';
import type { GuestCheck, GuestSession } from '../../lib/console/rules.ts';
import { components } from '../rust-nixos/components.ts';
import { common } from '../rust-nixos/files.ts';
import { systemd } from '../rust-nixos/init.ts';
import { kernelModules } from '../rust-nixos/machine.ts';
import { replacements, rust, staticCoreutils } from '../rust-nixos/replacements.ts';
import { baseServices } from '../rust-nixos/services.ts';
import { sources } from '../rust-nixos/sources.ts';
import { session } from './programs.ts';

export const userland = {
  sources,
  owner: { name: 'rust-nixos', components },
  components: {
    'coreutils-static': components['coreutils-static'],
    coreutils: components.coreutils,
    'sudo-rs': components['sudo-rs'],
    findutils: components.findutils,
  },
};

const { multicall, checks } = staticCoreutils;

const commands = Object.values(multicall.links);

/** Commands that every shell has itself. */
const builtIn = ['[', 'echo', 'false', 'printf', 'pwd', 'test', 'true'];

/**
 * The coreutils in an initramfs. busybox remains init, shell and provider of other commands. Its shell
 * prefers its own commands to those in PATH, so a login shell has aliases.
 */
export const coreutils: FileFacts<'coreutils-static/coreutils'> = {
  'bin/coreutils': { made: multicall.program },
  ...Object.fromEntries(commands.map((name) => [`bin/${name}`, { link: 'coreutils' }])),
  'etc/profile': {
    text: commands
      .filter((name) => !builtIn.includes(name))
      .map((name) => `alias ${name}=/bin/${name}\n`)
      .join(''),
  },
};

const complete: GuestCheck = {
  name: 'the coreutils have every command that is a link to them',
  run: `coreutils --list >/tmp/list
    for path in /bin/*; do
      [ "$(busybox readlink "$path")" = coreutils ] && ! busybox grep -Fqx "\${path##*/}" /tmp/list && echo "$path"
    done; true`,
  expect: '',
};

const shell: GuestCheck = { name: 'the shell of busybox runs one', run: "busybox sh -c '/bin/arch; exit 3'", expect: 'x86_64', status: 3 };

export const coreutilsSession: GuestSession = {
  ...session,
  checks: [...session.checks, ...checks, shell, complete],
};

/** The root file system of Debian's packages. Its modules are those of the reference kernel. */
const root: RootFacts = {
  base: systemd.base,
  replacements: rust,
  services: {
    init: systemd.name,
    set: { ...baseServices, hostName: 'asterinas', console: { ...baseServices.console, autologin: 'root' } },
  },
  modules: { from: 'kernel', names: kernelModules },
};

export const debian = {
  root,
  files: { ...common, ...systemd.files, 'etc/fstab': { text: 'LABEL=nixos / ext2 defaults 0 0\n' } },
  session: {
    checks: [
      { name: 'uname', run: 'uname -s', expect: 'Linux' },
      { name: 'root is logged in', run: 'id -un', expect: 'root' },
      { name: 'the name of the host', run: 'cat /etc/hostname; hostname', expect: /^asterinas\nasterinas$/ },
      { name: 'the root file system is on the disk', run: 'findmnt -no SOURCE,FSTYPE /', expect: /^\/dev\/\S+2 +ext2$/ },
      { name: 'an exit status', run: "sh -c 'exit 7'", expect: '', status: 7 },
      ...rust.flatMap((name) => replacements[name]?.checks ?? []),
      ...systemd.checks,
    ],
    powerOff: 'systemctl poweroff',
  },
} satisfies { readonly root: RootFacts; readonly files: FileFacts<never>; readonly session: GuestSession };
