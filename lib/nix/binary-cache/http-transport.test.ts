// Tests servers with unusual behaviour: responses without a length, temporary errors, broken connections, and
// encodings. Each test starts its own server, and records the pauses instead of waiting.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import type { Event } from '../../core/events.ts';
import { pathOf } from '../../core/paths.ts';
import { run } from '../../core/sh.ts';
import { httpTransport } from './http-transport.ts';

const searchPath = pathOf(process.env);
const tempDir = await mkdtemp(join(tmpdir(), 'bloomery-http-'));
test.after(() => rm(tempDir, { recursive: true }));
const body = randomBytes(1 << 20);

interface Fetched {
  /** The bytes, or the exit code and the sentence. */
  readonly result: Buffer | string;
  readonly pausesMs: readonly number[];
  readonly notes: readonly string[];
}

interface Wish {
  readonly exactBytes?: number;
  readonly mostBytes?: number;
  readonly signal?: AbortSignal;
}

/** Downloads "file" from the URL, and checks that no other file is left. */
async function fetched(url: string, { exactBytes, mostBytes = exactBytes ?? body.length, signal }: Wish = {}): Promise<Fetched> {
  const pausesMs: number[] = [];
  const notes: string[] = [];
  const wait = async (ms: number): Promise<void> => void pausesMs.push(ms);
  const context = {
    signal: signal ?? new AbortController().signal,
    report: (event: Event) => void (event.kind === 'note' ? notes.push(event.text) : 0),
  };
  const folder = await mkdtemp(join(tempDir, 'one-'));
  const transport = httpTransport(url, { tempDir: folder, searchPath, wait });
  const to = join(folder, 'to');
  const expected = exactBytes === undefined ? { mostBytes } : { mostBytes, exactBytes };
  const result = await transport.download('file', to, expected, context).then(
    () => readFile(to),
    (error: unknown) =>
      error instanceof Failure ? `${error.exitCode} ${error.message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')}` : String(error),
  );
  if (typeof result !== 'string') assert.equal(await readdir(folder), ['to']);
  return { result, pausesMs, notes };
}

async function listening<T>(server: Server, work: (url: string) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

/** Each listener answers one request, the last one also all later ones. Also returns the Range of each request. */
async function fromServer(
  listeners: readonly RequestListener[],
  wish: Wish = {},
): Promise<Fetched & { readonly ranges: readonly unknown[] }> {
  const ranges: unknown[] = [];
  const server = createServer((request, response) => {
    const listener = listeners[Math.min(ranges.length, listeners.length - 1)];
    ranges.push(request.headers.range);
    listener?.(request, response);
  });
  return { ...(await listening(server, (url) => fetched(url, wish))), ranges };
}

/** The server sends these bytes for each request, then ends the connection. */
const fromSocket = (bytes: readonly (Buffer | string)[], wish: Wish = {}): Promise<Fetched> =>
  listening(
    createSocketServer((socket) => {
      socket.once('data', () => {
        for (const each of bytes) socket.write(each);
        socket.end();
      });
    }),
    (url) => fetched(url, wish),
  );

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end('sorry');
const whole: RequestListener = (_, response) => void response.end(body);

/** Sends the file from the place that is asked for; `bytes` of it, then the connection breaks. */
const partial =
  (bytes: number, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  ({ headers: { range } }, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const length = { 'content-length': String(body.length - start), ...headers };
    response.writeHead(range === undefined ? 200 : 206, { ...length, 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` });
    const part = body.subarray(start, start + bytes);
    if (start + bytes >= body.length) response.end(part);
    else response.write(part, () => setImmediate(() => response.destroy()));
  };

test('an answer without a length that ends by closing is read to its end', async () => {
  for (const head of ['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.1 200 OK', 'HTTP/1.0 200 OK\r\nServer: old']) {
    for (const bytes of [Buffer.alloc(0), body.subarray(0, 90_000), body]) {
      const { result, pausesMs } = await fromSocket([`${head}\r\n\r\n`, bytes], { mostBytes: body.length });
      assert.ok(bytes.equals(Buffer.from(result)), `${head} ${bytes.length} ${result.slice(0, 80)}`);
      assert.equal(pausesMs, []);
    }
  }
});

test('errors that pass are tried again, with pauses that grow', async () => {
  for (const code of [408, 429, 500, 502, 503, 504, 599]) {
    const { result, pausesMs, notes } = await fromServer([status(code), status(code), whole]);
    assert.ok(body.equals(Buffer.from(result)), String(code));
    assert.equal(pausesMs, [250, 500]);
    assert.match(
      notes[0] ?? '',
      new RegExp(`^Cannot fetch ".*" at attempt 1 of 5: the server answers ${code} .*\\. The next one is in 0.25 s\\.$`),
    );
  }
});

test('persistent errors are reported after five attempts', async () => {
  const { result, pausesMs } = await fromServer([status(503)]);
  assert.is(result, '69 Cannot fetch "http://HOST/file": the server answers 503 Service Unavailable');
  assert.equal(pausesMs, [250, 500, 1000, 2000]);
});

test('errors that another attempt does not change are not tried again', async () => {
  for (const code of [400, 401, 402, 406, 418, 501, 505, 511, 204, 206, 304]) {
    const { result, ranges } = await fromServer([status(code), whole]);
    assert.match(String(result), new RegExp(`^69 Cannot fetch "http://HOST/file": the server answers ${code}`));
    assert.is(ranges.length, 1);
  }
  for (const code of [403, 404, 410]) {
    const { result, ranges } = await fromServer([status(code), whole]);
    assert.is(result, '1 Cannot fetch "http://HOST/file": it does not exist');
    assert.is(ranges.length, 1);
  }
});

test('a password in the URL reaches the server, and no message', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(404).end();
  });
  await listening(server, async (url) => {
    const { result } = await fetched(url.replace('//', '//user:secret@'));
    assert.is(result, '1 Cannot fetch "http://HOST/file": it does not exist');
    assert.is(asked[0], `Basic ${Buffer.from('user:secret').toString('base64')}`);
  });
});

test('Retry-After of a server is obeyed up to a limit', async () => {
  const date = 'Mon, 30 Nov 2026 12:00:00 GMT';
  const cases: readonly [Readonly<Record<string, string>>, number][] = [
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0' }, 250],
    [{ 'retry-after': '-5' }, 250],
    [{ 'retry-after': 'soon' }, 250],
    [{ 'retry-after': '86400' }, 30_000],
    [{ 'retry-after': 'Mon, 30 Nov 2026 12:00:07 GMT', date }, 7000],
    [{ 'retry-after': 'Mon, 30 Nov 2026 11:00:00 GMT', date }, 250],
    [{ 'retry-after': 'Mon, 30 Nov 2026 11:00:00 GMT', date: 'today' }, 250],
  ];
  for (const [headers, pauseMs] of cases) {
    for (const code of [429, 503]) {
      const { result, pausesMs } = await fromServer([status(code, headers), whole]);
      assert.ok(body.equals(Buffer.from(result)));
      assert.equal(pausesMs, [pauseMs], JSON.stringify(headers));
    }
  }
});

test('after a broken connection only the rest is fetched', async () => {
  for (const headers of [{}, { etag: '"one"' }, { 'last-modified': 'Mon, 30 Nov 2026 12:00:00 GMT' }]) {
    const { result, ranges, pausesMs } = await fromServer([partial(400_000, headers)], { exactBytes: body.length });
    assert.ok(body.equals(Buffer.from(result)), String(result.slice(0, 100)));
    assert.is(ranges.length, 3);
    assert.match(String(ranges[1]), /^bytes=[1-9]\d*-$/);
    assert.equal(pausesMs, [250, 500]);
  }
});

test('the rest is asked for of the same version only', async () => {
  const asked: unknown[] = [];
  const second: RequestListener = (request, response) => {
    asked.push(request.headers['if-range']);
    whole(request, response);
  };
  const date = 'Mon, 30 Nov 2026 12:00:00 GMT';
  for (const [etag, wanted] of [
    ['"one"', '"one"'],
    ['W/"one"', date],
  ] as const) {
    const { result } = await fromServer([partial(400_000, { etag, 'last-modified': date }), second]);
    assert.ok(body.equals(Buffer.from(result)));
    assert.is(asked.pop(), wanted);
  }
});

test('a server that cannot send the rest sends the whole file again', async () => {
  const otherPart: RequestListener = (_, response) => void response.writeHead(206, { 'content-range': 'bytes 7-8/9' }).end('xx');
  for (const second of [whole, status(416), otherPart, status(503)]) {
    const { result, ranges } = await fromServer([partial(400_000), second, whole]);
    assert.ok(body.equals(Buffer.from(result)));
    if (second === status(416) || second === otherPart) assert.is(ranges[2], undefined);
  }
});

test('a connection that always breaks is an error in one sentence', async () => {
  const broken = '69 Cannot fetch "http://HOST/file": the connection was broken';
  const at =
    (work: (response: ServerResponse<IncomingMessage>) => void): RequestListener =>
    (_, response) =>
      work(response);
  for (const listener of [
    at((response) => response.destroy()),
    at((response) => void response.writeHead(200, { 'content-length': 10 }).write('x', () => response.destroy())),
    at((response) => void response.writeHead(200).write('x', () => response.destroy())),
  ]) {
    const { result, pausesMs } = await fromServer([listener]);
    assert.is(result, broken);
    assert.is(pausesMs.length, 4);
  }
  assert.is((await fromSocket([])).result, broken);
  assert.is((await fromSocket(['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'])).result, broken);
  assert.is((await fetched('http://127.0.0.1:1')).result, '69 Cannot fetch "http://HOST/file": the connection was refused');
});

test('a connection that closes before the known size is broken', async () => {
  const head = 'HTTP/1.0 200 OK\r\n\r\n';
  const { result, pausesMs } = await fromSocket([head, body.subarray(0, 1000)], { exactBytes: body.length });
  assert.is(result, `69 Cannot fetch "http://HOST/file": the answer ends after 1000 of ${body.length} bytes`);
  assert.is(pausesMs.length, 4);
  const short = await fromServer([(_, response) => void response.end('short')], { exactBytes: body.length });
  assert.is(String(short.result), 'short', 'the server has no more, which is for the caller to see');
});

test('a response that is not HTTP, and an unreachable server, are errors in one sentence', async () => {
  const sentence = async (fetching: Promise<Fetched>): Promise<string> =>
    String((await fetching).result).replace('69 Cannot fetch "http://HOST/file": ', '');
  for (const bytes of ['nonsense\r\n\r\n', '\0\0\0', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'])
    assert.is(await sentence(fromSocket([bytes])), 'the server sends something that is not HTTP', bytes);
  const to = (location: string): RequestListener => status(302, { location });
  assert.is(await sentence(fromServer([to('/file')])), 'the server redirects more than 10 times');
  assert.is(
    await sentence(fromServer([to('file:///etc/passwd')])),
    'the server redirects to "file:///etc/passwd", which is not a URL of http: or https:',
  );
  assert.is(await sentence(fromServer([to('http://')])), 'the server redirects to "http://", which is not a URL of http: or https:');
  assert.is(await sentence(fromServer([status(302)])), 'the server answers 302 Found');
  assert.match(String((await fetched('http://')).result), '69 Cannot fetch "http:/file": ');
  const server = createSocketServer((socket) => void socket.end('not TLS'));
  const plain = await listening(server, (url) => fetched(url.replace('http', 'https')));
  assert.match(String(plain.result), /^69 Cannot fetch "https:\/\/HOST\/file": the server does not use TLS as expected$/);
});

test('redirects are followed, and each answer may be another', async () => {
  for (const code of [301, 302, 303, 307, 308]) {
    const { result } = await fromServer([status(code, { location: 'other?a=b' }), status(503), status(code, { location: '/x' }), whole]);
    assert.ok(body.equals(Buffer.from(result)), String(code));
  }
});

async function packedBy(program: 'xz' | 'bzip2'): Promise<Buffer> {
  const path = join(tempDir, 'plain');
  await writeFile(path, body);
  assert.is((await run([program, '-1', '--force', path], { cwd: tempDir, env: { PATH: searchPath } })).exitCode, 0);
  return await readFile(`${path}.${program === 'xz' ? 'xz' : 'bz2'}`);
}

test('every encoding of an answer is undone, joined and resumed ones too', async () => {
  const half = body.length >> 1;
  const encodings: Readonly<Record<string, Buffer>> = {
    gzip: gzipSync(body),
    'X-GZIP': gzipSync(body),
    identity: body,
    br: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    deflate: deflateSync(body),
    zstd: Buffer.concat([zstdCompressSync(body.subarray(0, half)), zstdCompressSync(body.subarray(half))]),
    xz: await packedBy('xz'),
    bzip2: await packedBy('bzip2'),
    'gzip, zstd': zstdCompressSync(gzipSync(body)),
  };
  for (const [name, bytes] of Object.entries(encodings)) {
    const headers = { 'content-encoding': name, 'content-length': bytes.length };
    const cut: RequestListener = (_, response) =>
      void response.writeHead(200, headers).write(bytes.subarray(0, 1000), () => setImmediate(() => response.destroy()));
    const rest: RequestListener = ({ headers: { range = '' } }, response) => {
      const start = Number(/\d+/.exec(range)?.[0] ?? 0);
      const part = { ...headers, 'content-length': bytes.length - start };
      response
        .writeHead(start > 0 ? 206 : 200, start > 0 ? { ...part, 'content-range': `bytes ${start}-9/*` } : part)
        .end(bytes.subarray(start));
    };
    const { result } = await fromServer([cut, rest], { exactBytes: body.length });
    assert.ok(body.equals(Buffer.from(result)), `${name} ${String(result.slice(0, 100))}`);
  }
});

test('encodings that are not known or hide more than is expected are refused', async () => {
  const encoded =
    (name: string, bytes: Buffer): RequestListener =>
    (_, response) =>
      void response.writeHead(200, { 'content-encoding': name }).end(bytes);
  const refused = async (name: string, bytes: Buffer): Promise<string> => String((await fromServer([encoded(name, bytes)])).result);
  const bomb = gzipSync(Buffer.alloc(body.length + 1));
  assert.match(await refused('gzip', bomb), `it unpacks to more than the ${body.length} bytes that are expected`);
  assert.match(await refused('gzip', Buffer.alloc(body.length + (2 << 20))), `it is longer than ${body.length} bytes`);
  assert.match(await refused('rot13', body), 'its compression "rot13" is not known');
  assert.match(await refused('zstd', body), 'the compressed archive is damaged');
});

test('a text is read, is short, and leaves no file', async () => {
  const folder = await mkdtemp(join(tempDir, 'text-'));
  const context = { signal: new AbortController().signal, report: () => undefined };
  const answers: Readonly<Record<string, RequestListener>> = {
    '/a/plain': (_, response) => void response.end('a text\n'),
    '/a/zstd': (_, response) => void response.writeHead(200, { 'content-encoding': 'zstd' }).end(zstdCompressSync('a text\n')),
    '/a/long': (_, response) => void response.end(Buffer.concat([body, body])),
  };
  await listening(
    createServer((request, response) => (answers[request.url ?? ''] ?? status(404))(request, response)),
    async (url) => {
      const transport = httpTransport(`${url}/a//?priority=10`, { tempDir: folder, searchPath });
      assert.is(transport.url, `${url}/a`);
      assert.is(await transport.text('plain', context), 'a text\n');
      assert.is(await transport.text('zstd', context), 'a text\n');
      assert.is(await transport.text('none', context), undefined);
      const long = await transport.text('long', context).catch(String);
      assert.match(String(long), 'it is longer than 1048576 bytes');
    },
  );
  assert.equal(await readdir(folder), []);
});

test('^C ends a pause and a server that sends nothing', async () => {
  const reason = new Failure('interrupted', 'Cannot finish: interrupted');
  const folder = await mkdtemp(join(tempDir, 'interrupted-'));
  for (const listener of [status(503, { 'retry-after': '20' }), () => undefined]) {
    const abort = new AbortController();
    const server = createServer((request, response) => {
      listener(request, response);
      setTimeout(() => abort.abort(reason), 50);
    });
    const text = listening(server, (url) =>
      httpTransport(url, { tempDir: folder, searchPath }).text('x', { signal: abort.signal, report: () => undefined }),
    );
    assert.is(await text.catch((error: unknown) => error), reason);
  }
  assert.equal(await readdir(folder), []);
});

test.run();
