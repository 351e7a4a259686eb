// The sources of rust-nixos: Debian trixie. Crates from Debian's packages, the tarball of uutils coreutils
// with the patches that Debian's packagers added, and the packages of the C programs. sources.lock has the
// resolved versions.
import type { SourceFacts } from '../../lib/system/component.ts';

const words = (text: string): readonly string[] => text.split(/\s+/);

/** Crates that coreutils and its utilities depend on directly. */
const crates =
  words(`ansi-width bigdecimal binary-heap-plus bincode blake2b-simd blake3 bstr bytecount byteorder chrono chrono-tz clap clap-complete clap-mangen
  compare cpp cpp-build crc32fast crossterm ctrlc data-encoding data-encoding-macro digest dns-lookup dunce exacl file-diff filetime fnv
  fs-extra fts-sys fundu gcd glob half hex hostname iana-time-zone indicatif itertools libc lscolors md-5 memchr memmap2 nix nom notify
  num-bigint num-traits number-prefix onig openssl-probe os-display parse-datetime phf phf-codegen platform-info procfs quick-error rand
  rand-core rayon regex rlimit rust-ini same-file self-cell selinux selinux-sys sha1 sha2 sha3 signal-hook sm3 smallvec tempfile terminal-size
  textwrap thiserror time unicode-segmentation unicode-width utf-8 uutils-term-grid walkdir wild xattr z85 zip`);

export const sources: SourceFacts = {
  suite: 'trixie',
  crates: [...['sudo-rs', 'findutils', 'hexyl', 'bat', 'eza', 'just', 'tokei'], ...crates].map((crate) => `librust-${crate}-dev`),
  tarballs: ['rust-coreutils'],
  bases: {
    systemd: words(`?essential bash dbus iproute2 kmod libonig5 libpam-systemd login passwd sudo systemd systemd-resolved systemd-sysv udev
      util-linux`),
    sysvinit: words(`?essential bash ifupdown initscripts iproute2 kmod libonig5 login passwd sudo sysvinit-core udhcpc util-linux`),
  },
  single: { kernel: 'linux-image-cloud-amd64', loader: 'systemd-boot-efi' },
  stubs: [],
};
