// The contents of an image as a graph for its manifest. There is a node for each package and component, with
// the size of its files in the image and its references. lib/closure reads the graph. References of
// components are found as in Nix: names of shared libraries in their bytes.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { byCodeUnit } from '../core/digest.ts';
import { contentSize, linkedNames } from '../image/file-tree.ts';
import type { Entry } from '../image/file-tree.ts';
import type { RootTree } from './root-tree.ts';

export interface ClosureNode {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly kind: 'package' | 'component';
  readonly bytes: number;
  /** Ids, sorted. */
  readonly references: readonly string[];
}

export interface ClosureRecord {
  readonly root: string;
  readonly nodes: readonly ClosureNode[];
}

/**
 * Returns the graph of an image. `versions` has those of components, if known. Files of no package or
 * component (the page's files, caches of packages) belong to the root.
 */
export async function closureRecord(
  entries: ReadonlyMap<string, Entry>,
  tree: RootTree,
  versions: Readonly<Record<string, string>>,
): Promise<ClosureRecord> {
  const owner = new Map<string, string>();
  for (const one of tree.packages) for (const path of one.files) owner.set(path, packageId(one.name));
  for (const [path, component] of tree.provided) owner.set(path, componentId(component));
  const bytes = new Map<string, number>();
  // A file with several names is in the image once.
  const furtherNames = new Set(linkedNames(entries).flatMap(({ others }) => others));
  for (const [path, entry] of entries) {
    const id = owner.get(path) ?? rootId;
    if (entry.kind === 'file' && !furtherNames.has(path)) bytes.set(id, (bytes.get(id) ?? 0) + contentSize(entry.content));
  }
  const present = new Set(tree.packages.map((one) => packageId(one.name)));
  const packages = tree.packages.map(({ name: one, version, depends }): ClosureNode => ({
    id: packageId(one),
    name: one,
    version,
    kind: 'package',
    bytes: bytes.get(packageId(one)) ?? 0,
    references: depends
      .map(packageId)
      .filter((id) => present.has(id))
      .sort(byCodeUnit),
  }));
  const components = await Promise.all(
    tree.replaced.map(async ({ name: one }): Promise<ClosureNode> => {
      const own = [...entries].filter(([path]) => tree.provided.get(path) === one);
      const id = componentId(one);
      const references = (await librariesOf(own, entries, owner)).filter((other) => other !== id);
      return { id, name: one, version: versions[one] ?? '', kind: 'component', bytes: bytes.get(id) ?? 0, references };
    }),
  );
  const all = [...packages, ...components];
  // A node without references from others is there because the page asks for it. Nodes of cycles that are not
  // reachable otherwise count too.
  const used = new Set(all.flatMap(({ id, references }) => references.filter((other) => other !== id)));
  const direct = all.map(({ id }) => id).filter((id) => !used.has(id));
  const reached = reachable(direct, all);
  for (const { id } of all) if (!reached.has(id)) direct.push(id);
  const root: ClosureNode = {
    id: rootId,
    name: 'image',
    version: '',
    kind: 'component',
    bytes: bytes.get(rootId) ?? 0,
    references: direct.sort(byCodeUnit),
  };
  return { root: root.id, nodes: [root, ...all].sort((a, b) => byCodeUnit(a.id, b.id)) };
}

/** Returns the owners of the shared libraries whose names are in the bytes of programs. */
async function librariesOf(
  own: readonly (readonly [string, Entry])[],
  entries: ReadonlyMap<string, Entry>,
  owner: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const libraries = new Map<string, string>();
  for (const path of entries.keys()) {
    const id = owner.get(path);
    if (id !== undefined && /\.so(\.\d+)*$/.test(path)) libraries.set(basename(path), id);
  }
  const found = new Set<string>();
  for (const [, entry] of own) {
    if (entry.kind !== 'file' || entry.content.kind !== 'host') continue;
    const text = (await readFile(entry.content.path)).toString('latin1');
    for (const [word] of text.matchAll(/(?:lib|ld-)[\w.+-]{1,60}\.so(?:\.\d+)*/g)) {
      const id = libraries.get(word);
      if (id !== undefined) found.add(id);
    }
  }
  return [...found].sort(byCodeUnit);
}

function reachable(from: readonly string[], nodes: readonly ClosureNode[]): ReadonlySet<string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Set(from);
  for (const id of found) for (const next of byId.get(id)?.references ?? []) found.add(next);
  return found;
}

const packageId = (name: string): string => `package ${name}`;
const componentId = (name: string): string => `component ${name}`;
const rootId = 'image';
