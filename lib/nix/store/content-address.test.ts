// Tests store paths that are named by their content, for every method and algorithm of Nix. They are accepted
// without a signature only if both the field CA and the content match the path.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { namesIn, noNix, privateNix } from '../../dev/testing/private-nix.ts';
import type { PrivateNix } from '../../dev/testing/private-nix.ts';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { openBinaryCache } from '../binary-cache/binary-cache.ts';
import { writeBinaryCache } from '../binary-cache/cache-writer.ts';
import { contentAddress, parseContentAddress, printContentAddress } from './content-address.ts';
import { copyClosure } from '../binary-cache/copy-closure.ts';
import { hashAlgorithms, hasher, parseNixHash, printNixHash } from './nix-hash.ts';
import type { HashAlgorithm } from './nix-hash.ts';
import { narOf } from '../nar/writer.ts';
import { publicKey } from '../binary-cache/signature.ts';
import { storeFolder } from './store-folder.ts';
import { fixedPath, textPath } from './store-path.ts';
import type { StoreName } from './store-path.ts';
import { closureInfos } from './store.ts';
import { verifyPaths } from './verify-store.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const searchPath = pathOf(process.env);
const root = await mkdtemp(join(tmpdir(), 'bloomery-content-address-'));
const nix = await privateNix(searchPath);
if (!nix) console.error(noNix);
const check = (name: string, work: (nix: PrivateNix) => Promise<void>): void => (nix ? test(name, () => work(nix)) : test.skip(name));
test.after(async () => {
  await rm(root, { recursive: true });
  await nix?.remove();
});

// A key that signed nothing here.
const trusted = [publicKey(`other-1:${Buffer.alloc(32, 7).toString('base64')}`)];
let places = 0;
const place = (): string => join(root, `place-${++places}`);

interface Named {
  readonly name: StoreName;
  readonly address: string;
}

/** A store with a path for each method and algorithm, and a cache of them without any signature. */
async function sample(): Promise<{ readonly cache: string; readonly paths: readonly Named[]; readonly store: string }> {
  const [store, cache, file] = [place(), place(), place()];
  await mkdir(store);
  const bytes = Buffer.from('content\n');
  await writeFile(file, bytes);
  const paths: Named[] = [];
  const add = async (name: StoreName, address: string): Promise<void> => {
    await writeFile(join(store, name), bytes);
    paths.push({ name, address });
  };
  for (const algorithm of hashAlgorithms) {
    const hex = { flat: hasher(algorithm).update(bytes).digest('hex'), nar: narHash(file, algorithm) };
    const address = (prefix: string, digits: string): string => `${prefix}${printNixHash({ algorithm, hex: digits })}`;
    await add(fixedPath(store, `flat-${algorithm}`, '', algorithm, hex.flat), address('fixed:', hex.flat));
    await add(fixedPath(store, `nar-${algorithm}`, 'r:', algorithm, hex.nar), address('fixed:r:', hex.nar));
    if (algorithm === 'sha256') await add(textPath(store, 'text', bytes, []), address('text:', hex.flat));
  }
  const folder = storeFolder(store);
  const names = paths.map(({ name }) => name);
  await writeBinaryCache(folder, { paths: (await closureInfos(folder, names, context)).values(), to: cache }, context);
  return { cache, paths, store };
}

function narHash(path: string, algorithm: HashAlgorithm): string {
  const hash = hasher(algorithm);
  for (const chunk of narOf(path)) hash.update(chunk);
  return hash.digest('hex');
}

const infoFile = (cache: string, name: StoreName): string => join(cache, `${name.slice(0, 32)}.narinfo`);

/** Copies a path and returns why not; nothing may then be left. */
async function copied(cache: string, name: StoreName, keys = trusted): Promise<string> {
  const to = place();
  const open = await openBinaryCache(cache, { tempDir: root, searchPath }, context);
  const error = await copyClosure(open, { roots: [name], to, trusted: keys }, context).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const left = (await readdir(root)).filter((entry) => join(root, entry) === to || entry.startsWith('bloomery-'));
  if (error !== undefined) assert.equal(left, [], 'something was left');
  return error === undefined ? 'copied' : error instanceof Failure ? error.message : String(error);
}

/** Copies a path whose field CA was changed. */
async function copiedAs(cache: string, { name, address }: Named, claim: string, keys = trusted): Promise<string> {
  const file = infoFile(cache, name);
  const text = await readFile(file, 'utf8');
  assert.match(text, `CA: ${address}\n`);
  await writeFile(file, text.replace(`CA: ${address}`, claim === '' ? 'X-No: CA' : `CA: ${claim}`));
  const result = await copied(cache, name, keys);
  await writeFile(file, text);
  return result;
}

const inBase = (address: string, base: 'hex' | 'base64'): string => {
  const parts = /^(.*:)(\w+):(\w+)$/.exec(address) ?? [];
  const hash = parseNixHash(`${parts[2]}:${parts[3]}`);
  return hash ? `${parts[1]}${hash.algorithm}:${Buffer.from(hash.hex, 'hex').toString(base)}` : address;
};

test('a path with a content address needs no signature, for every method, algorithm and base of its hash', async () => {
  const { cache, paths } = await sample();
  assert.is(paths.length, 9);
  for (const named of paths) {
    assert.is(await copied(cache, named.name), 'copied', named.name);
    for (const base of ['hex', 'base64'] as const)
      assert.is(await copiedAs(cache, named, inBase(named.address, base)), 'copied', named.name);
  }
});

test('the same content is found without a field, and verified by its name', async () => {
  const { paths, store } = await sample();
  const results = await verifyPaths(
    storeFolder(store),
    paths.map(({ name }) => name),
    [],
    context,
  );
  for (const result of results) assert.is(result.state === 'good' && result.by, 'name', result.name);
  for (const { name, address } of paths) {
    const found = await contentAddress({ path: join(store, name), name, storeDir: store, references: [] }, context);
    assert.is(found && printContentAddress(found), address);
    await writeFile(join(store, name), 'Content\n');
    assert.is(await contentAddress({ path: join(store, name), name, storeDir: store, references: [] }, context), undefined);
  }
});

test('an address that gives another name is refused, with and without a key', async () => {
  const { cache, paths } = await sample();
  for (const named of paths) {
    for (const { address } of paths.filter((other) => other !== named)) {
      const why = `it claims to be named by its content, but the name for "${address}" is another one`;
      for (const keys of [trusted, []]) assert.match(await copiedAs(cache, named, address, keys), why);
    }
    assert.match(await copiedAs(cache, named, ''), 'it is not signed');
    assert.is(await copiedAs(cache, named, '', []), 'copied');
  }
});

test('an address of later versions vouches for nothing, and one of no version is refused', async () => {
  const { cache, paths } = await sample();
  const [named] = paths;
  assert.ok(named);
  for (const claim of ['fixed:r:blake3:abcd', `fixed:git:sha1:${'0'.repeat(32)}`]) {
    assert.match(await copiedAs(cache, named, claim), 'it is not signed');
    assert.is(await copiedAs(cache, named, claim, []), 'copied');
  }
  for (const claim of ['banana', 'fixed:', 'fixed:r:sha256:zz', `text:sha512:${'0'.repeat(52)}`, 'fixed:sha256', ':::'])
    for (const keys of [trusted, []]) assert.match(await copiedAs(cache, named, claim, keys), `its CA "${claim}" is not a content address`);
});

test('content that is not that of the address is refused, with and without a key', async () => {
  const { cache, paths, store } = await sample();
  const other = place();
  await mkdir(other);
  for (const { name } of paths) await writeFile(join(other, name), 'another\n');
  const folder = storeFolder(other, store);
  const infos = await closureInfos(
    folder,
    paths.map(({ name }) => name),
    context,
  );
  await writeBinaryCache(folder, { paths: infos.values(), to: `${cache}-2` }, context);
  for (const { name, address } of paths) {
    const file = infoFile(`${cache}-2`, name);
    await writeFile(file, `${await readFile(file, 'utf8')}CA: ${address}\n`);
    for (const keys of [trusted, []])
      assert.match(await copied(`${cache}-2`, name, keys), `it claims to be named by its content, but its content is not "${address}"`);
  }
});

test('a record with an address that does not fit is damage', async () => {
  const { cache, paths, store } = await sample();
  const open = await openBinaryCache(cache, { tempDir: root, searchPath }, context);
  const to = place();
  await copyClosure(open, { roots: paths.map(({ name }) => name), to, trusted }, context);
  const states = async (keys = trusted): Promise<string> => {
    const results = await verifyPaths(
      storeFolder(to),
      paths.map(({ name }) => name),
      keys,
      context,
    );
    return [...new Set(results.map((result) => (result.state === 'good' ? result.by : result.state)))].join();
  };
  assert.is(storeFolder(to).storeDir, store);
  assert.is(await states(), 'name');
  assert.is(await states([]), 'narinfo');
  for (const { name, address } of paths) {
    const file = join(to, '.narinfo', `${name.slice(0, 32)}.narinfo`);
    const wrong = address.replace(/.(?=.$)/, (letter) => (letter === '0' ? '1' : '0'));
    await writeFile(file, (await readFile(file, 'utf8')).replace(address, wrong));
  }
  assert.is(await states(), 'damaged');
  assert.is(await states([]), 'damaged');
});

test('hashes are read in every base, and nothing else is a hash', () => {
  for (const algorithm of hashAlgorithms) {
    const bytes = hasher(algorithm).update('x').digest();
    const hash = { algorithm, hex: bytes.toString('hex') };
    const base64 = bytes.toString('base64');
    for (const text of [
      printNixHash(hash),
      `${algorithm}:${hash.hex}`,
      `${algorithm}:${hash.hex.toUpperCase()}`,
      `${algorithm}:${base64}`,
      `${algorithm}-${base64}`,
    ])
      assert.equal(parseNixHash(text), hash, text);
    for (const text of [
      hash.hex,
      `${algorithm}-${hash.hex}`,
      `${algorithm}:${hash.hex}0`,
      `${algorithm}:${hash.hex.slice(1)}`,
      `${algorithm}-${base64}=`,
      `${algorithm}:`,
      `sha3:${hash.hex}`,
    ])
      assert.is(parseNixHash(text), undefined, text);
  }
  assert.is(parseNixHash(`sha256:${'z'.repeat(52)}`), undefined, 'more bits than the hash has');
  assert.is(parseContentAddress('fixed:r:'), undefined);
});

check(
  'what Nix adds by its content is taken unsigned, by Nix and here, and refused by both with another address',
  async ({ call, folder, path }) => {
    const words = ['md5', 'sha1', 'sha256', 'sha512'];
    for (const word of words) {
      await writeFile(join(folder, `flat-${word}`), 'flat\n');
      await mkdir(join(folder, `tree-${word}`));
      await writeFile(join(folder, `tree-${word}`, 'program'), '#!/bin/sh\n');
      await chmod(join(folder, `tree-${word}`, 'program'), 0o755);
    }
    const added: string[] = [];
    for (const word of words) {
      added.push(await call('nix-store', '--add-fixed', word, `flat-${word}`));
      added.push(await call('nix-store', '--add-fixed', '--recursive', word, `tree-${word}`));
    }
    added.push(
      (
        await call('nix-instantiate', '--read-write-mode', '--eval', '-E', 'builtins.toFile "note" "${builtins.toFile "other" "x"}"')
      ).replaceAll('"', ''),
    );
    const names = namesIn(added.join(''));
    assert.is(names.length, 9);
    const cache = join(folder, 'cache');
    await call('nix', 'copy', '--to', `file://${cache}`, ...names.map(path));
    for (const name of names) {
      const named = { name, address: /^CA: (.*)$/m.exec(await readFile(infoFile(cache, name), 'utf8'))?.[1] ?? '' };
      assert.is(await copied(cache, name), 'copied', name);
      const target = join(folder, `target-${places}`);
      await call('nix', 'copy', '--from', `file://${cache}`, '--to', target, '--option', 'trusted-public-keys', '', path(name));
      const wrong = named.address.replace(/.(?=.$)/, (letter) => (letter === '0' ? '1' : '0'));
      for (const keys of [trusted, []]) assert.match(await copiedAs(cache, named, wrong, keys), 'it claims to be named by its content');
      await writeFile(infoFile(cache, name), (await readFile(infoFile(cache, name), 'utf8')).replace(named.address, wrong));
      await rm(join(folder, '.cache'), { recursive: true, force: true });
      const refused = await call('nix', 'copy', '--no-check-sigs', '--from', `file://${cache}`, '--to', `${target}-2`, path(name)).catch(
        (error: unknown) => error,
      );
      assert.ok(refused instanceof Failure, name);
    }
  },
);

test.run();
