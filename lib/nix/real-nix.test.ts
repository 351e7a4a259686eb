// Everything that Nix computes of store paths, computed here again for a few dozen generated ones and compared.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generatedCount, generatedDerivations, generatedSource } from '../dev/testing/generated-derivations.ts';
import { namesIn, noNix, privateNix } from '../dev/testing/private-nix.ts';
import type { PrivateNix } from '../dev/testing/private-nix.ts';
import { parseDerivation, printDerivation } from './derivation/derivation.ts';
import type { Derivation } from './derivation/derivation.ts';
import { derivationName, derivationPath, outputPaths } from './derivation/derivation-hash.ts';
import { closureBytes, closureSizes, referencesFirst, treeLines } from '../closure/graph.ts';
import { packageDiff, versionsText } from '../closure/diff.ts';
import { pathOf } from '../core/paths.ts';
import { restoreNar } from './nar/restore.ts';
import { narOf } from './nar/writer.ts';
import { storeFolder } from './store/store-folder.ts';
import type { StoreFolder } from './store/store-folder.ts';
import { closureInfos, storeClosure } from './store/store.ts';
import type { PathInfo } from './store/store.ts';
import { isStoreName, noReferences, sourcePath, textPath } from './store/store-path.ts';
import type { StoreName } from './store/store-path.ts';
import { fromBase32 } from './store/nix-hash.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const nix = await privateNix(pathOf(process.env));
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));

let all: StoreName;
let store: StoreFolder;
let infos: ReadonlyMap<StoreName, PathInfo>;
let derivations: ReadonlyMap<StoreName, Derivation>;

/** A chunk is valid only until the next. */
const narBytes = (path: string): Buffer => Buffer.concat(Array.from(narOf(path), (chunk) => Buffer.from(chunk)));

test.before(async () => {
  if (!nix) return;
  await mkdir(join(nix.folder, 'generated-source'));
  for (const [name, text] of Object.entries(generatedSource)) await writeFile(join(nix.folder, 'generated-source', name), text);
  const [path = ''] = await nix.build(generatedDerivations(20_261_121), ['all']);
  const [name] = namesIn(path);
  assert.ok(name);
  all = name;
  store = storeFolder(nix.storeDir);
  infos = await closureInfos(store, [all], context);
  const names = (await readdir(nix.storeDir)).filter(isStoreName).filter((drv) => drv.endsWith('.drv'));
  derivations = new Map(await Promise.all(names.map(async (drv) => [drv, parseDerivation(await readFile(nix.path(drv)), drv)] as const)));
});
test.after(() => nix?.remove());

test('a folder without store paths is empty', async () => {
  const error: unknown = await storeFolder('/nowhere')
    .names()
    .catch((reason: unknown) => reason);
  assert.match(String(error), 'Cannot read the store "/nowhere": it does not exist');
});

check('the closure is that of nix-store -qR', async ({ call, path }) => {
  const theirs = namesIn(await call('nix-store', '-qR', path(all)));
  assert.ok(theirs.length > generatedCount, String(theirs.length));
  assert.equal([...infos.keys()].sort(), [...theirs].sort());
  const order = referencesFirst(storeClosure(all, infos));
  for (const [index, name] of order.entries()) {
    for (const reference of infos.get(name as StoreName)?.references ?? []) assert.ok(order.indexOf(reference) <= index);
  }
});

check('hashes, sizes, references and closure sizes are those of nix path-info', async ({ call, path }) => {
  const theirs: unknown = JSON.parse(await call('nix', 'path-info', '-r', '-S', '--json', path(all)));
  assert.ok(Array.isArray(theirs));
  const ours = closureSizes(storeClosure(all, infos));
  for (const info of theirs as { path: string; narHash: string; narSize: number; closureSize: number; references: string[] }[]) {
    const [name] = namesIn(info.path);
    const own = name && infos.get(name);
    assert.ok(own, info.path);
    assert.is(`sha256-${Buffer.from(fromBase32(own.narHash.slice(7)) ?? []).toString('base64')}`, info.narHash, info.path);
    assert.is(own.narSize, info.narSize);
    assert.is(ours.get(own.name), info.closureSize);
    assert.equal([...own.references], namesIn(info.references.join('\n')).toSorted());
  }
  const total = (await call('nix', 'path-info', '-S', path(all))).trim().split(/\s+/)[1];
  assert.is(String(closureBytes(storeClosure(all, infos))), total);
});

check('the tree is drawn as nix-store -q --tree draws it', async ({ call, path, storeDir }) => {
  const ours = [...treeLines(storeClosure(all, infos), (id) => `${storeDir}/${id}`)];
  assert.equal(ours, (await call('nix-store', '-q', '--tree', path(all))).trim().split('\n'));
});

check('a .drv that is read and printed has the same bytes', async ({ path }) => {
  assert.ok(derivations.size > generatedCount);
  for (const [name, derivation] of derivations) assert.equal(Buffer.from(printDerivation(derivation)), await readFile(path(name)), name);
});

check('the paths of derivations and of their outputs are the same', async ({ storeDir }) => {
  const memo = new Map<string, string>();
  const at = (path: string): Derivation => {
    const found = derivations.get(path.slice(storeDir.length + 1) as StoreName);
    assert.ok(found, path);
    return found;
  };
  for (const [name, derivation] of derivations) {
    assert.is(derivationPath(storeDir, derivationName(name), derivation), name);
    const ours = outputPaths(storeDir, derivationName(name), derivation, at, memo);
    for (const output of derivation.outputs) assert.is(`${storeDir}/${ours.get(output.name)}`, output.path);
  }
});

check('the references of a .drv are its inputs', async ({ call, path }) => {
  for (const name of [...derivations.keys()].slice(0, 10)) {
    assert.equal(
      [...(await store.info(name, context)).references],
      [...namesIn(await call('nix-store', '-q', '--references', path(name)))].sort(),
    );
  }
});

check('sources and texts are named by their content', async ({ storeDir, path }) => {
  const source = [...infos.keys()].find((name) => name.endsWith('-generated-source'));
  const text = [...infos.keys()].find((name) => name.endsWith('-note.txt'));
  assert.ok(source && text);
  const hash = Buffer.from(fromBase32(infos.get(source)?.narHash.slice(7) ?? '') ?? []).toString('hex');
  assert.is(sourcePath(storeDir, 'generated-source', hash, noReferences), source);
  assert.is(textPath(storeDir, 'note.txt', await readFile(path(text)), []), text);
});

check('the differences between two closures are those of nix store diff-closures', async ({ build, call, path, storeDir }) => {
  const expression = `
let mk = name: script: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-e" "-c" script ]; PATH = "/usr/bin:/bin"; };
    lib = mk "lib-1.0" "echo > $out"; same = mk "same-2" "echo same > $out"; none = mk "none" "seq 5000 > $out"; none2 = mk "none" "seq 90000 > $out";
in { a = mk "sys-1" "echo \${lib} \${same} \${none} \${mk "gone-1.2b" "echo > $out"} \${mk "two-1" "echo 1 > $out"} > $out";
     b = mk "sys-1" "echo \${mk "lib-1.1" "seq 10000 > $out"} \${same} \${none2} \${mk "new-3" "echo > $out"} \${mk "two-1" "echo 2 > $out"} > $out"; }`;
  const [a, b] = namesIn((await build(expression, ['a', 'b'])).join('\n'));
  assert.ok(a && b);
  const now = storeFolder(storeDir); // the other was listed before these were built
  const before = storeClosure(a, await closureInfos(now, [a], context));
  const after = storeClosure(b, await closureInfos(now, [b], context));
  const shownByNix = 8 * 1024;
  const ours = packageDiff(before, after)
    .map((change) => ({ ...change, delta: change.bytesAfter - change.bytesBefore, renamed: change.before.join() !== change.after.join() }))
    .filter(({ delta, renamed }) => renamed || Math.abs(delta) >= shownByNix)
    .map(({ name, before: old, after: fresh, delta, renamed }) => {
      const size = Math.abs(delta) >= shownByNix ? `${delta > 0 ? '+' : ''}${(delta / 1024).toFixed(1)} KiB` : '';
      return `${name}: ${[renamed ? versionsText(old, fresh) : '', size].filter((part) => part !== '').join(', ')}`;
    });
  const theirs = (await call('nix', 'store', 'diff-closures', path(a), path(b)))
    .replaceAll(/\x1b\[[\d;]*m/g, '')
    .trim()
    .split('\n');
  assert.equal(ours, theirs);
});

check('Nix restores our archives, we restore those of Nix, to the same tree', async ({ call, folder, path }) => {
  for (const name of [...infos.keys()]) {
    const [ours, theirs, back, forth] = ['ours.nar', 'theirs.nar', 'back', 'forth'].map((file) => join(folder, file));
    assert.ok(ours && theirs && back && forth);
    await writeFile(ours, narBytes(path(name)));
    await call('sh', '-c', 'nix-store --dump "$1" > "$2"; nix-store --restore "$3" < "$4"', 'sh', path(name), theirs, back, ours);
    const bytes = await readFile(theirs);
    assert.ok(bytes.equals(await readFile(ours)), name);
    await restoreNar([bytes], forth, { what: 'restore' }, context);
    for (const restored of [back, forth]) assert.ok(narBytes(restored).equals(bytes), name);
    await call('diff', '-r', '--no-dereference', back, forth);
    for (const each of [ours, theirs, back, forth]) await rm(each, { recursive: true });
  }
});

test.run();
