// The tools that each kind of work needs, in one table. doctor prints it, checks the rows that a user asks
// for, and installs only what these need. The names of tools are those of lib/core/tools.ts. Only data.

export interface Need {
  /** The work that a host cannot do without these tools, for example "compile Cargo projects". */
  readonly title: string;
  readonly tools: readonly string[];
  /** Tools without which the work still succeeds. */
  readonly useful?: readonly string[];
  /** Whether the work needs a Rust toolchain, or also the source of its standard library. */
  readonly rust?: 'toolchain' | 'source';
  /** The work needs a bubblewrap that is installed and works. */
  readonly sandbox?: true;
}

export const needs = {
  crates: {
    title: 'compile Cargo projects',
    tools: ['bwrap', 'cc'],
    useful: ['setpriv', 'pkg-config'],
    rust: 'toolchain',
    sandbox: true,
  },
  'build-std': { title: 'compile the standard library for other triples', tools: [], useful: ['tar', 'xz'], rust: 'source' },
  disk: { title: 'write images with partitions and FAT', tools: ['sfdisk', 'mkfs.vfat'] },
  ext4: { title: 'write ext4', tools: ['mke2fs'] },
  iso: { title: 'write ISO images', tools: ['xorriso', 'mkfs.vfat'] },
  grub: { title: 'write images that GRUB boots', tools: ['grub-mkimage', 'mkfs.vfat'] },
  boot: { title: 'boot machines', tools: ['qemu-system-x86_64', 'OVMF'], useful: ['setpriv'] },
  upstream: { title: "fetch upstream's sources", tools: ['git', 'curl', 'tar', 'xz', 'patch'] },
  'c-library': { title: "compile C for a system's own triple", tools: ['clang', 'ld.lld', 'llvm-ar'] },
  debian: {
    title: 'build systems of Debian packages',
    tools: ['mmdebstrap', 'dpkg-deb', 'dpkg-scanpackages', 'depmod', 'patch', 'tar', 'xz'],
    useful: ['libpam', 'oniguruma', 'pkg-config'],
  },
  nix: { title: 'build systems with Nix', tools: ['nix-store'] },
  archives: { title: 'read archives of binary caches', tools: ['xz', 'bzip2', 'lz4', 'lzip'] },
  attributes: { title: 'restore extended attributes of files that are extracted', tools: ['setfattr'] },
  network: { title: 'create networks for machines', tools: ['ip', 'nft'] },
  debug: { title: 'debug kernels and name addresses of panics', tools: ['gdb', 'addr2line'] },
} as const satisfies Readonly<Record<string, Need>>;

export type NeedName = keyof typeof needs;

/** The work to build and boot a system whose components are compiled. It is used if no work is named. */
export const usualNeeds: readonly NeedName[] = ['crates', 'build-std', 'disk', 'boot'];

export function isNeedName(word: string): word is NeedName {
  return Object.hasOwn(needs, word);
}

/** Returns the rows with these names, in the order of the table. */
export function needsNamed(names: readonly NeedName[]): readonly Need[] {
  return Object.entries(needs).flatMap(([name, need]) => (names.some((wanted) => wanted === name) ? [need] : []));
}

/** Returns the names of tools that the work of the rows needs, and of optional ones. */
export function toolsOf(names: readonly NeedName[]): { readonly needed: ReadonlySet<string>; readonly useful: ReadonlySet<string> } {
  const rows = needsNamed(names);
  return { needed: new Set(rows.flatMap(({ tools }) => tools)), useful: new Set(rows.flatMap(({ useful = [] }) => useful)) };
}

/** Returns the names of all checks that must succeed for a row: those of its tools, of Rust and of the sandbox. */
function checksOf(name: NeedName): readonly string[] {
  const { tools, rust, sandbox }: Need = needs[name];
  return [
    ...tools,
    ...(rust === undefined ? [] : ['rust']),
    ...(rust === 'source' ? ['rust-src', 'rust-lld'] : []),
    ...(sandbox ? ['sandbox'] : []),
  ];
}

/** Returns every row of the table with the failed checks that it needs. */
export function readiness(failedChecks: readonly string[]): readonly { readonly name: NeedName; readonly lacks: readonly string[] }[] {
  const failed = new Set(failedChecks);
  return Object.keys(needs)
    .filter(isNeedName)
    .map((name) => ({ name, lacks: checksOf(name).filter((check) => failed.has(check)) }));
}

/**
 * Returns the work that needs or uses a tool, for example "write ISO images". A tool of no row is used by
 * tests, which compare formats.
 */
export function purposeOf(tool: string): string {
  const titles = Object.values<Need>(needs).flatMap(({ title, tools, useful = [] }) =>
    [...tools, ...useful].includes(tool) ? [title] : [],
  );
  return titles.join(', ') || 'compare formats in tests';
}

/** Returns the work of the rows for a sentence: "build and boot", or the titles. */
export function workOf(names: readonly NeedName[]): string {
  if (names.includes('boot') && names.includes('crates')) return 'build and boot';
  return needsNamed(names)
    .map(({ title }) => title)
    .join(' and ');
}
