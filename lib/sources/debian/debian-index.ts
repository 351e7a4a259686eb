// Reads the packages of a Debian suite from the text of its index (deb822 paragraphs, as `apt-cache
// dumpavail` prints them after apt has verified them), and computes the closure of packages of Rust crates.
// apt's own solver fails if a dependency of one optional feature is missing. Only computes.
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, nearest } from '../../core/errors.ts';

/** A package in the index. */
export interface OfferedPackage {
  readonly name: string;
  readonly version: string;
  /** Path below the mirror's root: "pool/main/b/bash/bash_5.2.37-2_amd64.deb". */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Further names that it provides, without versions. */
  readonly provides: readonly string[];
  /** Dependencies (Pre-Depends and Depends). Each is a list of alternatives, as names without versions. */
  readonly depends: readonly (readonly string[])[];
}

/**
 * Returns the packages of an index. A paragraph without all fields is left out: it belongs to an installed
 * package that is no longer offered.
 */
export function offeredPackages(text: string): readonly OfferedPackage[] {
  return text.split('\n\n').flatMap((paragraph) => {
    const fields = fieldsOf(paragraph);
    const [name, version, path, sha256] = ['Package', 'Version', 'Filename', 'SHA256'].map((field) => fields.get(field));
    if (name === undefined || version === undefined || path === undefined || sha256 === undefined) return [];
    const relations = [fields.get('Pre-Depends'), fields.get('Depends')].filter((value) => value !== undefined).join(', ');
    return [
      {
        name,
        version,
        path,
        sha256,
        sizeBytes: Number(fields.get('Size')),
        provides: namesIn(fields.get('Provides')).flat(),
        depends: namesIn(relations),
      },
    ];
  });
}

/** Returns the fields of one paragraph. Values of several lines are joined. */
export function fieldsOf(paragraph: string): ReadonlyMap<string, string> {
  return new Map([...paragraph.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)].map(([, name = '', value = '']) => [name, value.trim()]));
}

/** "a (>= 1) | b, c:any" -> [["a", "b"], ["c"]]. */
function namesIn(relations = ''): readonly (readonly string[])[] {
  return relations
    .split(',')
    .map((alternatives) => alternatives.split('|').flatMap((one) => /^\s*([^\s(:]+)/.exec(one)?.[1] ?? []))
    .filter((names) => names.length > 0);
}

export interface CrateClosure {
  /** Sorted by name. */
  readonly packages: readonly OfferedPackage[];
  /**
   * Dependencies on crates that are not in the index -> the package that needs them. Each one that is needed
   * must be replaced by an empty crate.
   */
  readonly unsatisfied: ReadonlyMap<string, string>;
}

/**
 * Returns the packages of `roots` and of the crates below them. Only names of crates ("librust-...") are
 * followed, because other dependencies (compilers, headers) come from the host. A missing root is a Failure
 * that suggests the nearest name.
 */
export function crateClosure(index: readonly OfferedPackage[], roots: readonly string[]): CrateClosure {
  const byName = new Map<string, OfferedPackage>();
  const providers = new Map<string, OfferedPackage>();
  for (const offered of index) {
    if (!offered.name.startsWith('librust-')) continue;
    byName.set(offered.name, offered);
    for (const name of offered.provides) if (!providers.has(name)) providers.set(name, offered);
  }
  const find = (name: string): OfferedPackage | undefined => byName.get(name) ?? providers.get(name);
  const found = new Map<string, OfferedPackage>();
  const unsatisfied = new Map<string, string>();
  const queue = roots.map((root) => {
    const offered = find(root);
    if (offered) return offered;
    const near = nearest(root, [...byName.keys()]);
    throw cannot(`find the package "${root}"`, 'the archive does not have it', { hint: near ? `did you mean ${near}?` : undefined });
  });
  for (const offered of queue) {
    if (found.has(offered.name)) continue;
    found.set(offered.name, offered);
    for (const alternatives of offered.depends) {
      const crates = alternatives.filter((name) => name.startsWith('librust-'));
      if (crates.length === 0) continue;
      const next = crates.map(find).find((candidate) => candidate !== undefined);
      if (next) queue.push(next);
      else unsatisfied.set(crates.join(' | '), offered.name);
    }
  }
  return { packages: [...found.values()].sort((a, b) => byCodeUnit(a.name, b.name)), unsatisfied };
}
