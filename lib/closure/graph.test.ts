// Closures as data: reachable nodes, sizes, differences, reasons, and invalid closures.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import {
  closureBytes,
  closureOf,
  closureSizes,
  findNode,
  referencesFirst,
  shortestPath,
  sizesByKind,
  subClosure,
  treeLines,
} from './graph.ts';
import type { Closure, ClosureNode } from './graph.ts';
import { checkedClosure, manifestClosure } from './manifest-closure.ts';
import { packageDiff, versionsText } from './diff.ts';

/** "app-1.0 100 lib libc": name-version bytes references. The id is the name. */
function closure(...rows: readonly string[]): Closure {
  const nodes = rows.map((row): ClosureNode => {
    const [label = '', bytes = '0', ...references] = row.split(' ');
    const [name = '', version = ''] = label.split('-');
    return { id: name, name, version, kind: 'package', bytes: Number(bytes), references };
  });
  return closureOf(nodes[0]?.id ?? '', nodes, 'read it');
}

const system = closure('system 1 app tool libc', 'app-1.0 100 lib', 'tool-3 50 libc tool', 'lib-2 10 libc', 'libc-2.41 1000', 'stray-1 7');

test('a closure contains all nodes that the root reaches, and counts each size once', () => {
  assert.equal([...system.nodes.keys()], ['app', 'lib', 'libc', 'system', 'tool']);
  assert.is(closureBytes(system), 1161);
  assert.equal(Object.fromEntries(closureSizes(system)), { app: 1110, lib: 1010, libc: 1000, system: 1161, tool: 1050 });
  assert.equal(sizesByKind(system), [{ kind: 'package', nodes: 5, bytes: 1161 }]);
  assert.is(closureBytes(subClosure(system, 'app')), 1110);
  assert.equal(referencesFirst(system), ['libc', 'lib', 'app', 'tool', 'system']);
});

test('references may go round, as those of packages do', () => {
  const ring = closure('a 1 b', 'b 2 c', 'c 4 a d', 'd 8');
  assert.equal(Object.fromEntries(closureSizes(ring)), { a: 15, b: 15, c: 15, d: 8 });
  assert.equal([...treeLines(ring, (id) => id)], ['a', '└───b', '    └───c', '        ├───a [...]', '        └───d']);
  assert.is(referencesFirst(ring).length, 4);
});

test('a tree shows each node once, and nodes that others there need come first', () => {
  assert.equal(
    [...treeLines(system, (id) => id)],
    ['system', '├───app', '│   └───lib', '│       └───libc', '├───libc [...]', '└───tool', '    ├───libc [...]', '    └───tool [...]'],
  );
  const flat = closure('a 1 b c', 'b 1 c', 'c 1');
  assert.equal([...treeLines(flat, (id) => id)], ['a', '├───c', '└───b', '    └───c [...]']);
});

test('the reason is the shortest chain', () => {
  assert.equal(shortestPath(system, 'system', 'libc'), ['system', 'libc']);
  assert.equal(shortestPath(system, 'system', 'lib'), ['system', 'app', 'lib']);
  assert.equal(shortestPath(system, 'app', 'app'), ['app']);
  assert.is(shortestPath(system, 'app', 'tool'), undefined);
});

test('a part is found by id, by name, by name and version; otherwise the nearest name is reported', () => {
  assert.is(findNode(system, 'lib', 'it').id, 'lib');
  assert.is(findNode(system, 'libc-2.41', 'it').id, 'libc');
  const told = (error: Failure): boolean =>
    error.message === 'Cannot find "tol" in it: there is no such part in it' && error.hint === 'did you mean tool?';
  assert.throws(() => findNode(system, 'tol', 'it'), told);
});

test('two closures differ by names, versions and sizes', () => {
  const other = closure('system 1 app uu libc', 'app-1.1 120 lib', 'uu-0.0.30 80 libc', 'lib-2 10 libc', 'libc-2.41 1000');
  const changes = packageDiff(system, other);
  assert.equal(
    changes
      .filter(({ change }) => change !== 'same')
      .map(({ name, change, before, after, bytesBefore, bytesAfter }) => {
        return [name, change, versionsText(before, after), bytesAfter - bytesBefore];
      }),
    [
      ['app', 'changed', '1.0 → 1.1', 20],
      ['tool', 'removed', '3 → ∅', -50],
      ['uu', 'added', '∅ → 0.0.30', 80],
    ],
  );
  assert.equal(
    packageDiff(system, system).filter(({ change }) => change !== 'same'),
    [],
  );
  assert.is(versionsText([], ['']), '∅ → ε');
});

const manifest = {
  closure: {
    root: 'image',
    nodes: [
      { id: 'image', name: 'image', version: '', kind: 'component', bytes: 0, references: ['libc6'] },
      { id: 'libc6', name: 'libc6', version: '2.41-12', kind: 'package', bytes: 12_000, references: ['libc6'] },
    ],
  },
};

test('the closure of a manifest is read', () => {
  const read = checkedClosure(manifest, 'read it');
  assert.equal([read.root, read.nodes.get('libc6')?.version, closureBytes(read)], ['image', '2.41-12', 12_000]);
});

test('a manifest without a closure, or with a wrong one, is reported with its field', async () => {
  const refused = (change: (nodes: Record<string, unknown>[], whole: { closure: Record<string, unknown> }) => void): string => {
    const copy: { closure: { nodes: Record<string, unknown>[] } & Record<string, unknown> } = structuredClone(manifest);
    change(copy.closure.nodes, copy);
    try {
      checkedClosure(copy, 'read it');
    } catch (error) {
      return error instanceof Failure ? error.message : String(error);
    }
    return 'nothing';
  };
  assert.is(
    refused((_, whole) => Object.assign(whole, { closure: undefined })),
    'Cannot read it: it has no "closure"',
  );
  assert.is(
    refused((_, { closure: it }) => Object.assign(it, { nodes: {} })),
    'Cannot read it: "closure.nodes" is not a list',
  );
  assert.is(
    refused(([node]) => Object.assign(node ?? {}, { bytes: -1 })),
    'Cannot read it: "closure.nodes[0].bytes" is not a number of bytes',
  );
  assert.is(
    refused(([node]) => Object.assign(node ?? {}, { version: 1 })),
    'Cannot read it: "closure.nodes[0].version" is not a text',
  );
  assert.match(
    refused(([node]) => Object.assign(node ?? {}, { kind: 'thing' })),
    '"closure.nodes[0].kind" is not one of "package", "component"',
  );
  assert.match(
    refused(([node]) => Object.assign(node ?? {}, { references: [1] })),
    '"closure.nodes[0].references" is not a list of texts',
  );
  assert.is(
    refused(([node]) => Object.assign(node ?? {}, { references: ['x'] })),
    'Cannot read it: "x" is missing, to which "image" refers',
  );
  assert.match(
    refused((nodes) => nodes.push(...nodes)),
    '"closure.nodes" has "image" twice',
  );
  const absent: unknown = await manifestClosure('/nowhere/x.json').catch((error: unknown) => error);
  assert.match(String(absent), 'Cannot read the closure in "/nowhere/x.json": it does not exist');
});

test.run();
