// Programs in Rust from the page of rust-nixos: the same components from the same sources, so that both systems share the lock, the unpacked crates and
// what was compiled.
import type { FileFacts } from '../../lib/system/image-facts.ts';
import type { GuestCheck, GuestSession } from '../../lib/system/guest-session.ts';
import { components, rustComponents } from '../rust-nixos/components.ts';
import { staticCoreutils } from '../rust-nixos/replacements.ts';
import { sources } from '../rust-nixos/sources.ts';
import { session } from './programs.ts';

const names: readonly string[] = ['coreutils-static', ...rustComponents];

export const userland = {
  sources,
  owner: { name: 'rust-nixos', components },
  components: Object.fromEntries(Object.entries(components).filter(([name]) => names.includes(name))),
};

const { multicall, checks } = staticCoreutils;

const commands = Object.values(multicall.links);

/** Commands that every shell has itself. */
const builtIn = ['[', 'echo', 'false', 'printf', 'pwd', 'test', 'true'];

/**
 * The coreutils in an initramfs. busybox stays as init, as shell and for other commands. Its shell prefers its own commands to those of PATH, so that
 * a login shell has aliases.
 */
export const coreutils: FileFacts = {
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
