// Tests binary caches as other programs write and serve them. Fields, hashes, URLs and responses that Nix
// accepts are accepted. A failed copy keeps the store paths that are complete.
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { pathOf } from '../../core/paths.ts';
import { openBinaryCache } from './binary-cache.ts';
import { writeBinaryCache } from './cache-writer.ts';
import { copyClosure } from './copy-closure.ts';
import { hasher, parseNixHash, printNixHash } from '../store/nix-hash.ts';
import type { HashAlgorithm } from '../store/nix-hash.ts';
import { publicKey, secretKey } from './signature.ts';
import { storeFolder } from '../store/store-folder.ts';
import type { StoreName } from '../store/store-path.ts';
import { closureInfos } from '../store/store.ts';
import { verifyPaths } from '../store/verify-store.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const searchPath = pathOf(process.env);
const root = await mkdtemp(join(tmpdir(), 'bloomery-foreign-cache-'));
test.after(() => rm(root, { recursive: true }));
let places = 0;
const place = (): string => join(root, `place-${++places}`);

// The first key pair of RFC 8032, of no use elsewhere.
const publicHex = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
const keyText = (hex: string): string => `test-1:${Buffer.from(hex, 'hex').toString('base64')}`;
const secret = secretKey(keyText(`9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60${publicHex}`));
const trusted = [publicKey(keyText(publicHex))];

/** In the order of references: each needs the one before it. */
const nameOf = (letter: string): StoreName => `${letter.repeat(32)}-${letter}` as StoreName;
const names = ['a', 'b', 'c', 'd'].map(nameOf);
const [low, top] = [nameOf('a'), nameOf('d')];

/** A signed cache of the chain, archives named after their paths. */
async function sample(): Promise<string> {
  const [store, cache] = [place(), place()];
  for (const [index, name] of names.entries()) {
    await mkdir(join(store, name), { recursive: true });
    await writeFile(join(store, name, 'file'), `${names[index - 1] ?? ''}${name.repeat(3000)}`);
  }
  const folder = storeFolder(store);
  await writeBinaryCache(folder, { paths: (await closureInfos(folder, [top], context)).values(), to: cache, key: secret }, context);
  for (const name of names) {
    await edit(
      cache,
      name,
      (text) => text.replace(/URL: .*/, `URL: nar/${name.slice(33)}.nar`),
      (text) => /URL: (.*)/.exec(text)?.[1],
    );
  }
  return cache;
}

const infoFile = (cache: string, name: StoreName): string => join(cache, `${name.slice(0, 32)}.narinfo`);

/** Changes a narinfo; the archive moves along when `from` names it. */
async function edit(
  cache: string,
  name: StoreName,
  change: (text: string) => string,
  from?: (text: string) => string | undefined,
): Promise<void> {
  const old = await readFile(infoFile(cache, name), 'utf8');
  const text = change(old);
  await writeFile(infoFile(cache, name), text);
  const archive = from?.(old);
  if (archive === undefined) return;
  const to = join(cache, /URL: (.*)/.exec(text)?.[1] ?? '');
  await mkdir(dirname(to), { recursive: true });
  await rename(join(cache, archive), to);
}

interface Outcome {
  readonly result: string;
  /** What is in the folder, and good. */
  readonly there: readonly string[];
}

/** Copies the closure of a path. The folder must then contain only complete, correct paths. */
async function copied(cache: string, { name = top, to = place() } = {}): Promise<Outcome> {
  const host = { tempDir: root, searchPath, wait: async () => undefined };
  const result = await openBinaryCache(cache, host, context)
    .then((open) => copyClosure(open, { roots: [name], to, trusted }, context))
    .then(
      ({ fetched }) => `${fetched.length} copied`,
      (error: unknown) => (error instanceof Failure ? `${error.exitCode} ${error.message}` : String(error)),
    );
  assert.equal(
    (await readdir(root)).filter((left) => left.startsWith('bloomery-')),
    [],
  );
  const entries = await readdir(to).catch(() => []);
  assert.not.ok(
    entries.some((entry) => entry.startsWith('.partial')),
    entries.join(),
  );
  const store = storeFolder(to);
  const there = entries.length === 0 ? [] : await store.names();
  for (const each of await verifyPaths(store, there, trusted, context)) assert.is(each.state, 'good', JSON.stringify(each));
  return { result, there: there.map((each) => each.slice(33)) };
}

async function served<T>(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function send(cache: string, path: string, response: ServerResponse): void {
  void readFile(join(cache, path)).then(
    (bytes) => response.end(bytes),
    () => response.writeHead(404).end(),
  );
}

test('unknown fields of a narinfo are ignored, whatever they look like', async () => {
  const cache = await sample();
  const rows = [
    'X-Served-By: cache',
    'x.y: z',
    'Two words: x',
    'Key:',
    'Key: ',
    ': x',
    '# x: y',
    'ä: ö',
    'System: x',
    'X: 1',
    'X: 2',
    'narhash: no',
    'a:b:c',
    'X: a\rb',
  ];
  for (const name of names)
    await edit(cache, name, (text) => `${rows.join('\n')}\n${text}${rows.filter((row) => row !== 'System: x').join('\n')}\n`);
  assert.equal(await copied(cache), { result: '4 copied', there: ['a', 'b', 'c', 'd'] });
  await edit(cache, low, (text) => `${text}nonsense\n`);
  assert.match((await copied(cache)).result, /^1 Cannot read ".*": "nonsense" is no "Key: value"$/);
});

test('nix-cache-info may have comments, lines that are not known, and other ends of lines', async () => {
  const cache = await sample();
  const file = join(cache, 'nix-cache-info');
  const good = await readFile(file, 'utf8');
  for (const text of [
    `# by hand\n\n${good}X-Foo: bar\nWantMassQuery 1\n`,
    good.replaceAll('\n', '\r\n'),
    good.trim(),
    good.replace(': ', ':'),
    good + good,
    `Priority: 10\n \n${good}`,
  ]) {
    await writeFile(file, text);
    assert.is((await copied(cache)).result, '4 copied', text);
  }
  await writeFile(file, `${good}StoreDir: /nix/store\n`);
  assert.match((await copied(cache)).result, /^1 Cannot use the binary cache ".*": it has two of StoreDir: /);
});

test('hashes of a narinfo may be in any base, that of the file by any algorithm', async () => {
  const hex = (text: string): Buffer => Buffer.from(parseNixHash(text)?.hex ?? '', 'hex');
  const forms: readonly ((text: string) => string)[] = [
    (text) => `sha256:${hex(text).toString('hex')}`,
    (text) => `sha256:${hex(text).toString('hex').toUpperCase()}`,
    (text) => `sha256:${hex(text).toString('base64')}`,
    (text) => `sha256-${hex(text).toString('base64')}`,
  ];
  for (const form of forms) {
    const cache = await sample();
    for (const name of names) await edit(cache, name, (text) => text.replaceAll(/sha256:\w+/g, form));
    assert.is((await copied(cache)).result, '4 copied');
  }
  for (const algorithm of ['md5', 'sha1', 'sha512'] as const satisfies HashAlgorithm[]) {
    const cache = await sample();
    const bytes = await readFile(join(cache, 'nar/d.nar'));
    const hash = { algorithm, hex: hasher(algorithm).update(bytes).digest('hex') };
    await edit(cache, top, (text) => text.replace(/FileHash: .*/, `FileHash: ${printNixHash(hash)}`));
    assert.is((await copied(cache)).result, '4 copied');
    const wrong = printNixHash({ algorithm, hex: hash.hex.replaceAll('1', '2') });
    await edit(cache, top, (text) => text.replace(/FileHash: .*/, `FileHash: ${wrong}`));
    const { result, there } = await copied(cache);
    assert.match(result, `its hash is ${printNixHash(hash)}, not ${wrong} as in its narinfo`);
    assert.equal(there, ['a', 'b', 'c']);
    await edit(cache, top, (text) => text.replace(/NarHash: .*/, `NarHash: ${wrong}`));
    assert.match((await copied(cache)).result, `its NarHash "${wrong}" is not a SHA-256`);
  }
});

const urls = [
  'nar/d.nar?hash=abc&x=1',
  'nar/a%20b.nar',
  'nar/~d,;@!$*()[]d.nar',
  'nar/a:b.nar',
  "nar//d'.nar",
  'd',
  'nar/..d../d..nar',
  'nar/ä.nar',
  'nar/%25.nar',
];

test('an archive may have any URL below the cache, in a folder and over HTTP', async () => {
  for (const url of urls) {
    const cache = await sample();
    await edit(
      cache,
      top,
      (text) => text.replace('nar/d.nar', url),
      () => 'nar/d.nar',
    );
    assert.is((await copied(cache)).result, '4 copied', url);
    const asked: string[] = [];
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      asked.push(request.url ?? '');
      const archive = request.url === new URL(`http://x/${url}`).href.slice('http://x'.length) ? url : (request.url ?? '');
      send(cache, archive, response);
    };
    assert.is((await served(answer, (place) => copied(place))).result, '4 copied', `${url} ${asked.join(' ')}`);
  }
});

test('an invalid URL, and one that leads out of the cache, are refused', async () => {
  const cache = await sample();
  for (const url of [
    '../d.nar',
    'nar/../../d.nar',
    'nar/..',
    '/nar/d.nar',
    'https://elsewhere.example/d.nar',
    '%2e%2E/d.nar',
    'nar/.%2e/../x',
    '..?x',
    'x?/../../d',
    'x#/../../d',
    'nar/',
    '//d',
  ]) {
    await edit(cache, top, (text) => text.replace(/URL: .*/, `URL: ${url}`));
    assert.match((await copied(cache)).result, `its URL "${url}" is not below the cache`);
  }
  for (const url of ['nar/a b.nar', 'nar\\d.nar', '..\\d.nar', 'nar/d.nar\r', 'nar/\0', 'nar/<d>']) {
    await edit(cache, top, (text) => text.replace(/URL: .*/, () => `URL: ${url}`));
    assert.match((await copied(cache)).result, `has characters that no URL has`);
  }
});

test('an archive of several zstd frames is copied', async () => {
  const cache = await sample();
  const bytes = await readFile(join(cache, 'nar/d.nar'));
  const frames = Array.from({ length: 10 }, (_, index) => bytes.subarray((index * bytes.length) / 10, ((index + 1) * bytes.length) / 10));
  const packed = Buffer.concat(frames.map((frame) => zstdCompressSync(frame)));
  await edit(cache, top, (text) => text.replace('none', 'zstd').replaceAll(/File(Hash|Size): .*\n/g, ''));
  await writeFile(join(cache, 'nar/d.nar'), packed);
  assert.is((await copied(cache)).result, '4 copied');
  await writeFile(join(cache, 'nar/d.nar'), Buffer.concat([packed, Buffer.from('rest')]));
  const { result, there } = await copied(cache);
  assert.match(result, /^1 Cannot fetch ".*": the compressed archive is damaged$/);
  assert.equal(there, ['a', 'b', 'c']);
});

test('each file is served after an error that passes, by a server that closes its connections without a length', async () => {
  const cache = await sample();
  const counts = new Map<string, number>();
  const codes = [429, 500, 502, 503, 504];
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
    const count = (counts.get(url) ?? 0) + 1;
    counts.set(url, count);
    if (count === 1) return void response.writeHead(codes[counts.size % codes.length] ?? 503).end();
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
    send(cache, url, response);
  };
  assert.is((await served(answer, (url) => copied(url))).result, '4 copied');
  assert.equal([...new Set(counts.values())], [2]);
});

test('missing files of a server, and a place without a cache, are named', async () => {
  const cache = await sample();
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse): void => send(cache, url, response);
  const absent = await served(answer, (url) => copied(url, { name: nameOf('f') }));
  assert.match(absent.result, /^1 Cannot find "f+-f" in "http:.*": it has no f+\.narinfo$/);
  const empty = await served(answer, (url) => copied(`${url}/nar`));
  assert.match(empty.result, /^1 Cannot use the binary cache "http:.*\/nar": it has no nix-cache-info$/);
  assert.match((await copied('http://127.0.0.1:1')).result, /^69 Cannot fetch "http:.*\/nix-cache-info": the connection was refused$/);
  assert.match((await copied('gopher://x')).result, /^2 Cannot use the binary cache "gopher:\/\/x": it is neither/);
});

test('paths that were fetched before a failure are kept, and only the others are fetched later', async () => {
  const cache = await sample();
  const to = place();
  let asked: string[] = [];
  let isDown = true;
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
    asked.push(url);
    if (isDown && url.startsWith('/nar/c')) response.writeHead(503).end();
    else send(cache, url, response);
  };
  await served(answer, async (url) => {
    const first = await copied(url, { to });
    assert.match(first.result, /^69 Cannot fetch ".*\/nar\/c.nar": the server answers 503 Service Unavailable$/);
    assert.equal(first.there, ['a', 'b']);
    assert.is(asked.filter((path) => path === '/nar/c.nar').length, 5);
    [isDown, asked] = [false, []];
    assert.equal(await copied(url, { to }), { result: '2 copied', there: ['a', 'b', 'c', 'd'] });
    assert.equal(
      asked.filter((path) => path.startsWith('/nar/')),
      ['/nar/c.nar', '/nar/d.nar'],
    );
  });
});

test('files that Nix leaves next to paths are not paths, but a path whose name looks similar is one', async () => {
  const cache = await sample();
  const to = place();
  await copied(cache, { to });
  for (const ending of ['lock', 'check']) await writeFile(join(to, `${top}.${ending}`), '');
  await mkdir(join(to, `${top}.chroot`));
  await writeFile(join(to, `${'f'.repeat(32)}-gone.lock`), '', { mode: 0o600 });
  await writeFile(join(to, `${'g'.repeat(32)}-Cargo.lock`), '');
  await cp(join(to, low), join(to, `${'h'.repeat(32)}-x.check`), { recursive: true });
  assert.equal(
    (await storeFolder(to).names()).map((name) => name.slice(33)),
    ['a', 'b', 'c', 'd', 'Cargo.lock', 'x.check'],
  );
});

test.run();
