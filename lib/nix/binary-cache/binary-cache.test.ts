// Binary caches that Nix wrote are read, and Nix copies from those that are written here. Anything that is
// damaged, unsigned or too long is refused and leaves no files.
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asRoot, withSmallDisk } from '../../dev/testing/small-disk.ts';
import { generatedDerivations, generatedSource } from '../../dev/testing/generated-derivations.ts';
import { namesIn, noNix, privateNix } from '../../dev/testing/private-nix.ts';
import type { PrivateNix } from '../../dev/testing/private-nix.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { openBinaryCache } from './binary-cache.ts';
import type { BinaryCache } from './binary-cache.ts';
import { writeBinaryCache } from './cache-writer.ts';
import { copyClosure } from './copy-closure.ts';
import { parseNarInfo, printNarInfo } from './narinfo.ts';
import { replaceDependencies } from '../rewrite/replace-dependencies.ts';
import { publicKey, secretKey } from './signature.ts';
import { storeFolder } from '../store/store-folder.ts';
import { sourcePath } from '../store/store-path.ts';
import type { StoreName } from '../store/store-path.ts';
import { closureInfos } from '../store/store.ts';
import { summaryOf } from '../nar/summary.ts';
import { narOf } from '../nar/writer.ts';
import { verifyPaths } from '../store/verify-store.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const searchPath = pathOf(process.env);
const root = await mkdtemp(join(tmpdir(), 'bloomery-binary-cache-'));
const nix = await privateNix(searchPath);
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));
test.after(async () => {
  await rm(root, { recursive: true });
  await nix?.remove();
});

const opened = (place: string): Promise<BinaryCache> =>
  openBinaryCache(place, { tempDir: root, searchPath, wait: async () => undefined }, context);
let places = 0;
const place = (): string => join(root, `place-${++places}`);

// The first key pair of RFC 8032, of no use elsewhere.
const publicHex = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const keyText = (hex: string): string => `test-1:${Buffer.from(hex, 'hex').toString('base64')}`;
const secretText = keyText(`9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60${publicHex}`);
const trustedText = keyText(publicHex);
const trusted = [publicKey(trustedText)];

/** A store of one folder that needs a file, which is named as a source is; and a cache of both, signed unless the key is ''. */
async function sample(key = secretText): Promise<{ cache: string; user: StoreName; source: StoreName; store: string }> {
  const store = place();
  await mkdir(store);
  await writeFile(join(store, 'tmp'), 'a source\n');
  const { hash } = await summaryOf(narOf(join(store, 'tmp')), [], context);
  const { fromBase32 } = await import('../store/nix-hash.ts');
  const hex = Buffer.from(fromBase32(hash.slice(7)) ?? []).toString('hex');
  const source = sourcePath(store, 'source', hex, { others: [], self: false });
  await cp(join(store, 'tmp'), join(store, source));
  await rm(join(store, 'tmp'));
  const user = `${'1'.repeat(32)}-user-1.0` as StoreName;
  await mkdir(join(store, user));
  await writeFile(join(store, user, 'big'), Buffer.concat([Buffer.alloc(3 << 20, '.'), Buffer.from(source)]));
  const cache = place();
  const folder = storeFolder(store);
  const infos = await closureInfos(folder, [user], context);
  await writeBinaryCache(folder, { paths: infos.values(), to: cache, key: key === '' ? undefined : secretKey(key) }, context);
  return { cache, user, source, store };
}

/** Copies and returns the failure. Only complete paths that the other one needs may then be in the folder. */
async function refusal(cache: string, name: StoreName, keys = trusted): Promise<string> {
  const to = place();
  const copying = opened(cache).then((open) => copyClosure(open, { roots: [name], to, trusted: keys }, context));
  const error: unknown = await copying.then(
    () => 'it was copied',
    (reason: unknown) => reason,
  );
  if (error !== 'it was copied' && existsSync(to)) {
    const [left, store] = [await readdir(to), storeFolder(to)];
    assert.not.ok(
      left.some((entry) => entry === name || entry.startsWith('.partial')),
      left.join(' '),
    );
    for (const { state } of await verifyPaths(store, await store.names(), keys, context)) assert.is(state, 'good');
  }
  const temporary = (await readdir(root)).filter((left) => left.startsWith('bloomery-'));
  assert.equal(temporary, []);
  return error instanceof Failure ? `${error.exitCode} ${error.message}` : String(error);
}

/** Changes a narinfo of the cache. */
async function edit(cache: string, name: StoreName, change: (text: string) => string): Promise<void> {
  const file = join(cache, `${name.slice(0, 32)}.narinfo`);
  await writeFile(file, change(await readFile(file, 'utf8')));
}

const archiveOf = async (cache: string, name: StoreName): Promise<string> =>
  join(cache, /URL: (.*)/.exec(await readFile(join(cache, `${name.slice(0, 32)}.narinfo`), 'utf8'))?.[1] ?? '');

async function packedBy(program: 'xz' | 'bzip2', bytes: Buffer): Promise<Buffer> {
  const [plain, packed] = [place(), place()];
  await writeFile(plain, bytes);
  const argv = ['sh', '-c', `exec ${program} -1 --stdout "$1" > "$2"`, 'sh', plain, packed];
  const { exitCode, stderr } = await run(argv, { cwd: '/', env: { PATH: searchPath } });
  assert.is(exitCode, 0, stderr);
  return await readFile(packed);
}

test('a closure is copied, checked, and not copied twice', async () => {
  const { cache, user, source, store } = await sample();
  const to = place();
  const first = await copyClosure(await opened(cache), { roots: [user], to, trusted }, context);
  assert.equal([...first.fetched].sort(), [user, source].sort());
  assert.equal((await readdir(to)).sort(), ['.narinfo', user, source].sort());
  assert.equal((await copyClosure(await opened(`file://${cache}`), { roots: [user], to, trusted }, context)).fetched, []);
  assert.is(storeFolder(to).storeDir, store);
});

test('a store is verified by its records, and by names', async () => {
  const { cache, user, source } = await sample();
  const to = place();
  await copyClosure(await opened(cache), { roots: [user], to, trusted }, context);
  const states = async (keys = trusted): Promise<string> => {
    const store = storeFolder(to);
    const results = await verifyPaths(store, await store.names(), keys, context);
    return results
      .map((result) => `${result.name.slice(33)} ${result.state} ${result.state === 'good' ? result.by : ''}`.trim())
      .sort()
      .join(', ');
  };
  assert.is(await states(), 'source good signature, user-1.0 good signature');
  assert.is(await states([]), 'source good narinfo, user-1.0 good narinfo');
  assert.is(await states([publicKey(`other-1:${trustedText.split(':')[1]}`)]), 'source good name, user-1.0 damaged');
  await writeFile(join(to, source), 'b source\n');
  assert.is(await states(), 'source damaged, user-1.0 good signature');
  await rm(join(to, '.narinfo'), { recursive: true });
  assert.is(await states(), 'source not known, user-1.0 not known');
});

test('a path without a trusted signature is refused, unless its name is that of its content', async () => {
  const { cache, user, source } = await sample('');
  assert.match(await refusal(cache, user), /^1 Cannot copy ".*-user-1.0" from ".*": it is not signed$/);
  assert.is(await refusal(cache, source), 'it was copied');
  assert.is(await refusal(cache, user, []), 'it was copied');
  const other = await sample();
  assert.match(
    await refusal(other.cache, other.user, [publicKey(`else-1:${trustedText.split(':')[1]}`)]),
    'no signature of it is one of else-1',
  );
  await edit(other.cache, other.user, (text) =>
    text.replace(/Sig: .*/, (line) => line.replace(/(?<=test-1:)./, (letter) => (letter === 'A' ? 'B' : 'A'))),
  );
  assert.match(await refusal(other.cache, other.user), 'no signature of it is one of test-1');
});

test('a wrong content address is refused', async () => {
  const { cache, user } = await sample('');
  await edit(cache, user, (text) => `${text}CA: fixed:r:sha256:${'0'.repeat(52)}\n`);
  for (const keys of [trusted, []]) assert.match(await refusal(cache, user, keys), 'it claims to be named by its content, but');
});

test('sizes and hashes that differ are refused', async () => {
  for (const [key, why] of [
    ['FileHash', /its hash is sha256:\w+, not sha256:0+ as in its narinfo/],
    ['FileSize', /it has \d+ bytes, not 1234567890 as in its narinfo/],
    ['NarHash', /the hash of its content is sha256:\w+, not sha256:0+ as in its narinfo/],
    ['NarSize', /it unpacks to \d+ bytes, not to 1234567890 as in its narinfo/],
  ] as const) {
    const { cache, user } = await sample();
    await edit(cache, user, (text) =>
      text.replace(new RegExp(`${key}: .*`), `${key}: ${key.endsWith('Size') ? 1234567890 : `sha256:${'0'.repeat(52)}`}`),
    );
    assert.match(await refusal(cache, user, []), why, key);
  }
});

test('a damaged, cut or lengthened archive is refused', async () => {
  const { cache, user } = await sample();
  const archive = await archiveOf(cache, user);
  const whole = await readFile(archive);
  await writeFile(archive, whole.subarray(0, -8));
  assert.match(await refusal(cache, user), 'as in its narinfo');
  await writeFile(archive, Buffer.concat([whole, whole]));
  assert.match(await refusal(cache, user), 'it is longer than');
  whole[1_000_000] = 0;
  await writeFile(archive, whole);
  assert.match(await refusal(cache, user), 'its hash is');
  await rm(archive);
  assert.match(await refusal(cache, user), 'it does not exist');
});

test('an archive that unpacks to more than its declared size is stopped, with every compression', async () => {
  const packers: Readonly<Record<string, (bytes: Buffer) => Buffer | Promise<Buffer>>> = {
    xz: (bytes) => packedBy('xz', bytes),
    bzip2: (bytes) => packedBy('bzip2', bytes),
    zstd: (bytes) => zstdCompressSync(bytes),
    gzip: (bytes) => gzipSync(bytes),
    br: (bytes) => brotliCompressSync(bytes),
  };
  for (const [compression, pack] of Object.entries(packers)) {
    const { cache, user } = await sample();
    const archive = await archiveOf(cache, user);
    const packed = await pack(await readFile(archive));
    await writeFile(archive, packed);
    const plain = (text: string): string =>
      text.replace(/File(Hash|Size): .*\n/g, '').replace('Compression: none', `Compression: ${compression}`);
    await edit(cache, user, plain);
    assert.is(await refusal(cache, user), 'it was copied', compression);
    await edit(cache, user, (text) => text.replace(/NarSize: .*/, 'NarSize: 100000'));
    assert.match(await refusal(cache, user, []), 'it unpacks to more than the 100000 bytes that are expected', compression);
    await writeFile(archive, packed.subarray(0, 30));
    assert.match(await refusal(cache, user, []), /damaged|as in its narinfo/, compression);
  }
});

test('an invalid narinfo, and one that leads out of the cache, are refused', async () => {
  const { cache, user } = await sample();
  const info = join(cache, `${user.slice(0, 32)}.narinfo`);
  const good = await readFile(info, 'utf8');
  const said = async (change: (text: string) => string): Promise<string> => {
    await writeFile(info, change(good));
    return await refusal(cache, user, []);
  };
  assert.match(await said(() => 'nonsense'), '"nonsense" is no "Key: value"');
  assert.match(await said((text) => text.replace('URL: nar/', 'URL: ../nar/')), 'is not below the cache');
  assert.match(await said((text) => text.replace('URL: nar/', 'URL: /etc/')), 'is not below the cache');
  assert.match(await said((text) => text.replace('user-1.0', 'user-2.0')), 'it is about "1');
  assert.match(await said((text) => text.replace(/References: /, 'References: ../x ')), 'it refers to "../x", which is not a store path');
  assert.match(await said((text) => text.replace('NarSize: ', 'NarSize: -')), 'is not a size');
  assert.match(await said((text) => text.replace('NarHash: sha256', 'NarHash: md5')), 'is not a SHA-256');
  assert.match(await said((text) => `${text}${text}`), 'it has two of StorePath');
  assert.match(await said((text) => text.replace('none', 'rar')), 'its compression "rar" is not known');
  await rm(info);
  assert.match(await refusal(cache, user), 'it has no 1');
  await rm(join(cache, 'nix-cache-info'));
  assert.match(await refusal(cache, user), 'it has no nix-cache-info');
});

test('a full disk is the lack of the host, and leaves nothing partial', async () => {
  await asRoot(import.meta.filename, async () => {
    const { cache, user, source } = await sample();
    await withSmallDisk(async (disk) => {
      await writeFile(join(disk, 'filler'), Buffer.alloc(14 << 20));
      const request = { roots: [user], to: join(disk, 'new'), trusted };
      const error: unknown = await copyClosure(await opened(cache), request, context).catch((reason: unknown) => reason);
      assert.is((error as Failure).exitCode, 69, String(error));
      assert.equal((await readdir(join(disk, 'new'))).toSorted(), ['.narinfo', source]);
    });
  });
});

test('^C leaves nothing', async () => {
  const { cache, user } = await sample();
  const abort = new AbortController();
  const report = (event: { kind: string; phase?: string }): void => {
    if (event.kind === 'phase-started' && event.phase === 'copy') abort.abort(new Failure('interrupted', 'Cannot finish: interrupted'));
  };
  const to = place();
  const error: unknown = await copyClosure(await opened(cache), { roots: [user], to, trusted }, { signal: abort.signal, report }).catch(
    (reason: unknown) => reason,
  );
  assert.is((error as Failure).exitCode, 130, String(error));
  assert.not.ok((await readdir(root)).includes(to.slice(root.length + 1)));
});

test('a cache is added to, unless it is one of another store', async () => {
  const { cache, user, store } = await sample();
  await writeFile(join(cache, 'nix-cache-info'), `StoreDir: ${store}\nWantMassQuery: 1\n`);
  const folder = storeFolder(store);
  const paths = [...(await closureInfos(folder, [user], context)).values()];
  await writeBinaryCache(folder, { paths, to: cache }, context);
  assert.match(await readFile(join(cache, 'nix-cache-info'), 'utf8'), 'WantMassQuery');
  await writeFile(join(cache, 'nix-cache-info'), 'StoreDir: /nix/store\n');
  const error: unknown = await writeBinaryCache(folder, { paths, to: cache }, context).catch((reason: unknown) => reason);
  assert.match(String(error), 'it is a cache of "/nix/store", and the paths belong to');
});

test('invalid keys are usage errors, and a secret is not printed', () => {
  assert.throws(() => publicKey('x'), /Cannot use a public key/);
  assert.throws(() => publicKey(secretText), /Cannot use a public key/);
  assert.throws(
    () => secretKey('name:c2VjcmV0'),
    (error: Failure) => error.exitCode === 2 && !/c2Vjcm/.test(`${error.message}${error.hint}`),
  );
  assert.is(secretKey(secretText).publicText, trustedText);
});

check('caches that Nix writes are read, with each compression, and its signatures hold', async ({ call, build, folder, storeDir }) => {
  await mkdir(join(folder, 'generated-source'));
  for (const [name, text] of Object.entries(generatedSource)) await writeFile(join(folder, 'generated-source', name), text);
  const [path = '', small = ''] = await build(generatedDerivations(7), ['all', 'd12']);
  await call('sh', '-c', 'nix key generate-secret --key-name nix-test-1 > sk; nix key convert-secret-to-public < sk > pk');
  const keys = [publicKey(await readFile(join(folder, 'pk'), 'utf8'))];
  for (const compression of ['none', 'xz', 'bzip2', 'zstd', 'gzip', 'br', 'lzip', 'lz4']) {
    const theirs = join(folder, `cache-${compression}`);
    const wanted = compression === 'none' ? path : small;
    const [all] = namesIn(wanted);
    assert.ok(all);
    await call('nix', 'copy', '--to', `file://${theirs}?compression=${compression}&secret-key=${folder}/sk`, wanted);
    const to = join(folder, `copied-${compression}`);
    const { infos } = await copyClosure(await opened(theirs), { roots: [all], to, trusted: keys }, context);
    for (const { name, narHash } of infos.values()) {
      assert.is((await summaryOf(narOf(join(to, name)), [], context)).hash, narHash);
      if (compression !== 'none') continue;
      const text = await readFile(join(theirs, `${name.slice(0, 32)}.narinfo`), 'utf8');
      assert.is(printNarInfo(parseNarInfo(text, storeDir, 'read it'), storeDir), text);
    }
    assert.equal([...infos.keys()].sort(), [...namesIn(await call('nix-store', '-qR', wanted))].sort());
    await rm(to, { recursive: true });
  }
});

check('Nix copies from caches that are written here, by signature, and only then', async ({ call, build, folder, storeDir }) => {
  const [path = ''] = await build(generatedDerivations(7), ['all']);
  const [all] = namesIn(path);
  assert.ok(all);
  const store = storeFolder(storeDir);
  const paths = [...(await closureInfos(store, [all], context)).values()];
  const secret = await readFile(join(folder, 'sk'), 'utf8');
  const [signed, bare] = [join(folder, 'signed'), join(folder, 'bare')];
  await writeBinaryCache(store, { paths, to: signed, key: secretKey(secret) }, context);
  await writeBinaryCache(store, { paths, to: bare }, context);
  const target = ['--to', join(folder, 'other-root')];
  const keys = ['--option', 'trusted-public-keys', (await readFile(join(folder, 'pk'), 'utf8')).trim()];
  await assertFails(() => call('nix', 'copy', '--from', `file://${bare}`, ...target, ...keys, path), 'lacks a valid signature');
  await call('nix', 'copy', '--from', `file://${signed}`, ...target, ...keys, path);
  await call('nix', 'store', 'verify', '--store', join(folder, 'other-root'), '-r', ...keys, path);
  await call('nix', 'copy', '--no-check-sigs', '--from', `file://${bare}`, '--to', join(folder, 'third-root'), path);
  await call('nix', 'store', 'verify', '--store', join(folder, 'third-root'), '-r', '--no-trust', path);
});

check('Nix accepts rewritten paths unsigned, because their names are those of their content', async ({ call, build, folder, storeDir }) => {
  const expression = `
let mk = name: script: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-e" "-c" script ]; PATH = "/usr/bin:/bin"; };
in rec {
  lib = mk "lib-1.0" "echo 1 > $out"; new = mk "lib-2.0" "echo 2 > $out";
  app = mk "app-1.0" "mkdir $out; echo \${lib} > $out/conf; ln -s $out/conf $out/self; echo $out $out > $out/own";
  sys = mk "sys-1.0" "mkdir $out; echo \${app} > $out/ref";
}`;
  const [sys, lib, by] = (await build(expression, ['sys', 'lib', 'new'])).flatMap(namesIn);
  assert.ok(sys && lib && by);
  const to = join(folder, 'rewritten');
  const request = { root: sys, replacements: [{ old: lib, new: by }], cutoffs: [], to, whole: true };
  const { root: newRoot, rewritten } = await replaceDependencies(storeFolder(storeDir), request, context);
  const cache = join(folder, 'rewritten-cache');
  const all = storeFolder(to);
  await writeBinaryCache(all, { paths: (await closureInfos(all, [newRoot], context)).values(), to: cache }, context);
  for (const { info } of rewritten)
    assert.match(await readFile(join(cache, `${info.name.slice(0, 32)}.narinfo`), 'utf8'), /^CA: fixed:r:sha256:/m);
  const keys = ['--option', 'require-sigs', 'true', '--option', 'trusted-public-keys', ''];
  await call('nix', 'copy', '--from', `file://${cache}`, ...keys, `${storeDir}/${newRoot}`); // lib-2.0 is in Nix's store already
  await call('nix', 'store', 'verify', '-r', '--no-trust', `${storeDir}/${newRoot}`);
  const theirs = namesIn(await call('nix-store', '-qR', `${storeDir}/${newRoot}`));
  assert.equal([...theirs].sort(), [by, ...rewritten.map(({ info }) => info.name)].sort());
});

async function assertFails(work: () => Promise<string>, why: string): Promise<void> {
  const error: unknown = await work().then(
    () => 'it did not fail',
    (reason: unknown) => reason,
  );
  assert.match(error instanceof Failure ? `${error.message} ${error.detail}` : String(error), why);
}

test.run();
