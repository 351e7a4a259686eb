// Names of store paths, compared with the output of the real Nix 2.8.0 for one derivation. real-nix.test.ts
// compares many more.
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { base32Alphabet, fromBase32, toBase32 } from './nix-hash.ts';
import { derivationName, derivationPath, outputPaths } from '../derivation/derivation-hash.ts';
import { parseDerivation, printDerivation } from '../derivation/derivation.ts';
import type { Derivation } from '../derivation/derivation.ts';
import { moduloHash } from './hash-parts.ts';
import { nameVersion } from '../../closure/graph.ts';
import { narOf } from '../nar/writer.ts';
import { fixedPath, hashPartOf, isStoreName, plainName, sourcePath, storeNameIn } from './store-path.ts';
import type { StoreName } from './store-path.ts';

const store = '/nix/store';
const out = 'pkdhh5la24l5hbnmckgypdsri90fwp3z-golden-1.0' as StoreName;
const dev = '3jik62wljyxba7p7viwnis0wvikj01ym-golden-1.0-dev' as StoreName;
const drv = '1la5rb43vvm7505w0dax39cfnlgvad6y-golden-1.0.drv' as StoreName;
const golden =
  `Derive([("dev","${store}/${dev}","",""),("out","${store}/${out}","","")],[],[],"x86_64-linux","/bin/sh",` +
  '["-c","mkdir $out $dev; echo $out > $out/self; echo $out > $dev/ref"],[("PATH","/usr/bin:/bin"),("builder","/bin/sh"),' +
  `("dev","${store}/${dev}"),("name","golden-1.0"),("out","${store}/${out}"),("outputs","out dev"),("system","x86_64-linux")])`;
const parsed = parseDerivation(Buffer.from(golden), drv);
const nothing = (path: string): Derivation => assert.unreachable(path) as never;

test('a derivation and its outputs have the paths that Nix gave them', () => {
  assert.is(Buffer.from(printDerivation(parsed)).toString(), golden);
  assert.is(derivationPath(store, derivationName(drv), parsed), drv);
  assert.equal([...outputPaths(store, 'golden-1.0', parsed, nothing)], [['dev', dev], ['out', out]]); // prettier-ignore
});

test('another folder of the store, another name, another path', () => {
  assert.not.equal(outputPaths('/other', 'golden-1.0', parsed, nothing).get('out'), out);
  assert.not.equal(outputPaths(store, 'golden-1.1', parsed, nothing).get('out')?.slice(0, 32), hashPartOf(out));
});

test('a path that refers to itself is named as by nix store make-content-addressed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-store-path-'));
  try {
    await mkdir(join(folder, 'tree'));
    await writeFile(join(folder, 'tree/self'), `${store}/${out}\n`);
    const modulo = moduloHash(out);
    for (const chunk of narOf(join(folder, 'tree'))) for (const byte of chunk) modulo.update(Uint8Array.of(byte));
    const { hash, self } = modulo.finish();
    assert.is(self, true);
    assert.is(sourcePath(store, 'golden-1.0', hash, { others: [], self }), 'yfvdbqpykjmjcj1anms1vyi89m0imygb-golden-1.0');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('outputs of a known hash are named by it; those that only a build names are refused', () => {
  assert.not.equal(fixedPath(store, 'x', '', 'sha256', 'ab'.repeat(32)), fixedPath(store, 'x', 'r:', 'sha256', 'ab'.repeat(32)));
  const floating: Derivation = { ...parsed, outputs: [{ name: 'out', path: '', algorithm: 'r:sha256', hash: '' }] };
  assert.throws(() => outputPaths(store, 'golden-1.0', floating, nothing), /Cannot name the outputs of "golden-1.0"/);
});

test('base 32 of any bytes is read back, and invalid texts are refused', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length * 11) & 255);
    assert.equal(fromBase32(toBase32(bytes)), bytes);
  }
  assert.is(toBase32(Buffer.from('800d59cfcd3c05e900cb4e214be48f6b886a08df', 'hex')), 'vw46m23bizj4n8afrc0fj19wrp7mj3c0');
  assert.is(base32Alphabet.length, 32);
  for (const wrong of ['e', '0e', '000', 'zz', 'z'.repeat(52)]) assert.is(fromBase32(wrong), undefined, wrong);
});

test('an invalid store path is refused', () => {
  assert.is(storeNameIn(`${store}/${out}`, store), out);
  assert.is(plainName(out), 'golden-1.0');
  for (const wrong of [
    out,
    `${store}/${out}/bin`,
    `/other/${out}`,
    `${store}/${out.slice(1)}`,
    `${store}/${out.slice(0, 33)}`,
    `${store}/${out} x`,
  ]) {
    assert.throws(() => storeNameIn(wrong, store), /Cannot use ".*" as a store path/, wrong);
  }
  assert.is(isStoreName(`${'e'.repeat(32)}-x`), false);
  assert.is(isStoreName(`${'0'.repeat(32)}-${'x'.repeat(212)}`), false);
});

test('a derivation that is cut or has another grammar is refused', () => {
  for (let end = 0; end < golden.length; end++) {
    assert.throws(() => parseDerivation(Buffer.from(golden.slice(0, end)), 'x.drv'), /Cannot read the derivation "x.drv"/, String(end));
  }
  assert.throws(() => parseDerivation(Buffer.from(`${golden} `), 'x.drv'), /something follows its end/);
  assert.throws(() => parseDerivation(Buffer.from(`Derive(${'['.repeat(100_000)}`), 'x.drv'), /there is "\["/);
  assert.throws(() => parseDerivation(Buffer.from('Derive("a","b")'), 'x.drv'), /it has 2 parts, not 7/);
});

test('names and versions part where Nix parts them', () => {
  assert.equal(nameVersion('coreutils-9.8'), { name: 'coreutils', version: '9.8' });
  assert.equal(nameVersion('python3.11-foo-1.0-dev'), { name: 'python3.11-foo', version: '1.0' });
  assert.equal(nameVersion('source'), { name: 'source', version: '' });
  assert.equal(nameVersion('unit-script-x'), { name: 'unit-script-x', version: '' });
  assert.equal(nameVersion('x-'), { name: 'x-', version: '' });
});

test.run();
