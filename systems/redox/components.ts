// The packages of the profiles that only upstream's sources have. A build of the bundled sources leaves them out and reports it.
import type { UpstreamPackage } from '../../lib/system/configuration-facts.ts';

const redoxOs = (name: string): string => `https://gitlab.redox-os.org/redox-os/${name}.git`;

export const packages: Readonly<Record<string, UpstreamPackage>> = {
  base: { title: 'drivers, init and daemons', git: redoxOs('base') },
  redoxfs: { title: 'the file system', git: redoxOs('redoxfs') },
  ion: { title: 'the shell', git: redoxOs('ion') },
  uutils: { title: 'coreutils in Rust', git: 'https://github.com/uutils/coreutils.git' },
  binutils: { title: 'strings, hex, hexdump', git: redoxOs('binutils') },
  extrautils: { title: 'grep, tar, gzip, less and others', git: redoxOs('extrautils') },
  netutils: { title: 'dhcpd, dns, ping, ifconfig', git: redoxOs('netutils') },
  userutils: { title: 'getty, login, passwd, su, sudo', git: redoxOs('userutils') },
  helix: { title: 'an editor', git: redoxOs('helix') },
  sodium: { title: 'a small editor', git: redoxOs('sodium') },
  ripgrep: { title: 'rg', git: 'https://github.com/BurntSushi/ripgrep.git' },
  fd: { title: 'a find', git: 'https://github.com/sharkdp/fd.git' },
  bat: { title: 'a cat with colours', git: 'https://github.com/sharkdp/bat.git' },
  hexyl: { title: 'a hex viewer', git: 'https://github.com/sharkdp/hexyl.git' },
  zoxide: { title: 'a cd that remembers', git: 'https://github.com/ajeetdsouza/zoxide.git' },
  dust: { title: 'a du', git: 'https://github.com/bootandy/dust.git' },
  orbital: { title: 'the desktop', git: redoxOs('orbital') },
  orbterm: { title: 'its terminal', git: redoxOs('orbterm') },
  orbutils: { title: 'login, launcher, background', git: redoxOs('orbutils') },
  orbdata: { title: 'icons and fonts of the desktop', git: redoxOs('orbdata') },
};
