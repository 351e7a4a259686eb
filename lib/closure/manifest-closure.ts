// The closure in an image's manifest (out/<system>-<profile>.json, key "closure"): read and checked field by
// field.
import { readFile } from 'node:fs/promises';
import { cannot, cannotBecause } from '../core/errors.ts';
import { closureOf } from './graph.ts';
import type { Closure, ClosureNode, NodeKind } from './graph.ts';

const kinds: readonly NodeKind[] = ['package', 'component', 'store path'];

/**
 * Reads the manifest at `path`. A file that is not a manifest, has no closure or has an invalid one is a
 * Failure that names the field.
 */
export async function manifestClosure(path: string): Promise<Closure> {
  const what = `read the closure in "${path}"`;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw cannotBecause(what, error, 'build the image first: npx zx tasks/build.ts');
  });
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw cannot(what, 'it is not JSON');
  }
  return checkedClosure(manifest, what);
}

/** Returns the closure of a parsed manifest. */
export function checkedClosure(manifest: unknown, what: string): Closure {
  if (!isRecord(manifest) || manifest['closure'] === undefined) {
    throw cannot(what, 'it has no "closure"', { hint: 'build the image again; images of some systems have no closure' });
  }
  const { closure } = manifest;
  if (!isRecord(closure)) throw cannot(what, '"closure" is not an object');
  const root = textOf(closure, 'root', 'closure', what);
  const { nodes } = closure;
  if (!Array.isArray(nodes)) throw cannot(what, '"closure.nodes" is not a list');
  const checked = nodes.map((node, index) => checkedNode(node, `closure.nodes[${index}]`, what));
  const ids = new Set<string>();
  for (const { id } of checked) {
    if (ids.has(id)) throw cannot(what, `"closure.nodes" has "${id}" twice`);
    ids.add(id);
  }
  return closureOf(root, checked, what);
}

function checkedNode(node: unknown, field: string, what: string): ClosureNode {
  if (!isRecord(node)) throw cannot(what, `"${field}" is not an object`);
  const { kind: givenKind, bytes, references } = node;
  const kind = kinds.find((known) => known === givenKind);
  if (kind === undefined) throw cannot(what, `"${field}.kind" is not one of ${kinds.map((known) => `"${known}"`).join(', ')}`);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    throw cannot(what, `"${field}.bytes" is not a number of bytes`);
  if (!isTexts(references)) throw cannot(what, `"${field}.references" is not a list of texts`);
  const text = (key: string): string => textOf(node, key, field, what);
  return { id: text('id'), name: text('name'), version: text('version'), kind, bytes, references };
}

function textOf(record: Readonly<Record<string, unknown>>, key: string, field: string, what: string): string {
  const value = record[key];
  if (typeof value !== 'string') throw cannot(what, `"${field}.${key}" is not a text`);
  return value;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
