// What a Debian suite offers, read from the text of its index (deb822 paragraphs, as `apt-cache dumpavail` prints them and apt has verified them),
// and the closure of packages of Rust crates over it. apt's own solver gives up on those where one optional feature cannot be had. Only computes.
import { byCodeUnit } from '../../core/digest.ts';
import { cannot, nearest } from '../../core/errors.ts';

/** A package as the index has it. */
export interface OfferedPackage {
  readonly name: string;
  readonly version: string;
  /** Below the mirror's root: "pool/main/b/bash/bash_5.2.37-2_amd64.deb". */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Names that it stands for beside its own, without versions. */
  readonly provides: readonly string[];
  /** Each a list of alternatives, names without versions: Pre-Depends and Depends. */
  readonly depends: readonly (readonly string[])[];
}

/** The packages of an index. A paragraph that lacks a field is left out: such are of packages that are installed and no longer offered. */
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

/** Fields of one paragraph; a value of several lines is joined. */
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
  /** Dependencies on crates that nothing in the index satisfies, as "needed by". An empty crate has to stand in for each that is really used. */
  readonly unsatisfied: ReadonlyMap<string, string>;
}

/**
 * The packages of crates below `roots`, themselves included. Only names of crates ("librust-...") are followed: what else they depend on (compilers,
 * headers) is the host's. A root that is not there is a Failure that suggests the nearest name.
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
