// Fetches files of a binary cache over HTTP. A request that fails is repeated after a pause that doubles each time, as Nix
// does it. The part of a file that has arrived is kept, and only the rest is requested.
import { mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { cannot, cannotBecause, partBefore } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { unpacked } from '../../core/unpack.ts';
import { bodyOf, request, RequestFault, statusFault } from './http-request.ts';
import { largestText } from './transport.ts';
import type { ExpectedFile, Transport, TransportHost } from './transport.ts';

const silenceMs = 60_000;
/** The defaults of Nix: download-attempts, and the first pause, which doubles each time. */
const mostAttempts = 5;
const firstPauseMs = 250;
/** A server that asks for a longer pause is asked again after this one. */
const longestPauseMs = 30_000;
/** Bytes by which a file may be longer with a Content-Encoding than without. */
const encodingSlackBytes = 1 << 20;
/** Object stores answer one of these for a file that does not exist. */
const absent = new Set([403, 404, 410]);

export function httpTransport(place: string, host: TransportHost): Transport {
  const base = partBefore(place, '?').replace(/\/+$/, ''); // what follows "?" are settings of Nix
  const at = (name: string): Address => ({ url: `${base}/${name}`, shown: withoutPassword(`${base}/${name}`) });
  return {
    url: withoutPassword(base),
    text: async (name, context) => {
      const folder = await mkdtemp(join(host.tempDir, 'bloomery-fetch-'));
      try {
        const to = join(folder, 'text');
        return (await fetched(at(name), to, { mostBytes: largestText }, host, context)) ? await readFile(to, 'utf8') : undefined;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    download: async (name, to, expected, context) => {
      if (!(await fetched(at(name), to, expected, host, context))) throw cannot(`fetch "${at(name).shown}"`, 'it does not exist');
    },
  };
}

/** A file of a server, and its name in messages. */
interface Address {
  readonly url: string;
  readonly shown: string;
}

/** Returns the URL without user and password. */
function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1');
}

/** Writes the file at an address to `to`. Returns false if it does not exist. */
async function fetched(address: Address, to: string, expected: ExpectedFile, host: TransportHost, context: Context): Promise<boolean> {
  const what = `fetch "${address.shown}"`;
  const download = new Download(address, to, expected);
  for (let attempt = 1; ; attempt++) {
    try {
      const encodings = await download.attempt(context.signal);
      for (const [index, compression] of (encodings ?? []).entries()) {
        const isLast = index + 1 === encodings?.length;
        const packed = { path: to, compression, sizeBytes: expected.mostBytes + (isLast ? 0 : encodingSlackBytes), what };
        await rename(await unpacked(packed, host.searchPath, context), to);
      }
      return encodings !== undefined;
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof RequestFault)) throw cannotBecause(what, error);
      if (!error.isTransient || attempt === mostAttempts) throw cannot(what, error.message, { blame: 'host', cause: error });
      const pauseMs = Math.min(Math.max(error.retryAfterMs ?? 0, firstPauseMs * 2 ** (attempt - 1)), longestPauseMs);
      const text = `Cannot ${what} at attempt ${attempt} of ${mostAttempts}: ${error.message}. The next one is in ${pauseMs / 1000} s.`;
      context.report({ kind: 'note', text });
      await (host.wait ?? waited)(pauseMs, context.signal);
    }
  }
}

async function waited(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

/** A file that arrives in one or several attempts. */
class Download {
  readonly #address: Address;
  readonly #to: string;
  readonly #expected: ExpectedFile;
  #receivedBytes = 0;
  /** The server's identifier for the version of the file that is arriving. */
  #version: string | undefined;

  constructor(address: Address, to: string, expected: ExpectedFile) {
    this.#address = address;
    this.#to = to;
    this.#expected = expected;
  }

  /** Fetches the file or its rest. Returns the encodings to undo, in order; undefined if the file does not exist. */
  async attempt(signal: AbortSignal): Promise<readonly string[] | undefined> {
    const answer = await request(this.#address.url, { headers: this.#headers(), signal, silenceMs });
    try {
      if (absent.has(answer.statusCode ?? 0)) return undefined;
      if (answer.statusCode === 206 && this.#receivedBytes > 0) this.#checkRest(answer);
      else if (answer.statusCode === 200) this.#receivedBytes = 0;
      else throw this.#refused(answer);
      const { etag, 'last-modified': date } = answer.headers;
      this.#version = etag?.startsWith('W/') ? date : (etag ?? date);
      await this.#write(answer, signal);
      return encodingsOf(answer);
    } finally {
      answer.destroy();
    }
  }

  #headers(): Readonly<Record<string, string>> {
    if (this.#receivedBytes === 0) return { 'accept-encoding': 'identity' };
    const rest = { 'accept-encoding': 'identity', range: `bytes=${this.#receivedBytes}-` };
    return this.#version === undefined ? rest : { ...rest, 'if-range': this.#version };
  }

  /** The response has to begin where the file ends. */
  #checkRest({ headers }: IncomingMessage): void {
    if (headers['content-range']?.startsWith(`bytes ${this.#receivedBytes}-`)) return;
    this.#receivedBytes = 0;
    throw new RequestFault('the server answers with another part of the file', { isTransient: true });
  }

  #refused(answer: IncomingMessage): RequestFault {
    const fault = statusFault(answer);
    if (answer.statusCode !== 416 || this.#receivedBytes === 0) return fault;
    this.#receivedBytes = 0; // the next attempt fetches the whole file
    return new RequestFault(fault.message, { isTransient: true });
  }

  async #write(answer: IncomingMessage, signal: AbortSignal): Promise<void> {
    const { mostBytes, exactBytes = 0 } = this.#expected;
    const encoded = encodingsOf(answer).length > 0;
    const limit = mostBytes + (encoded ? encodingSlackBytes : 0);
    await using file = await open(this.#to, this.#receivedBytes > 0 ? 'a' : 'w');
    for await (const chunk of bodyOf(answer, signal)) {
      if (this.#receivedBytes + chunk.length > limit)
        throw cannot(`fetch "${this.#address.shown}"`, `it is longer than ${mostBytes} bytes`);
      await file.writeFile(chunk);
      this.#receivedBytes += chunk.length;
    }
    if (encoded || this.#receivedBytes >= exactBytes || hasLength(answer)) return;
    throw new RequestFault(`the answer ends after ${this.#receivedBytes} of ${exactBytes} bytes`, { isTransient: true });
  }
}

/** Whether Node would have noticed a truncated body. */
function hasLength({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Returns the encodings of the body, the last applied one first, by their names in lib/core/unpack.ts. */
function encodingsOf({ headers }: IncomingMessage): readonly string[] {
  const names = (headers['content-encoding'] ?? '').toLowerCase().split(',');
  return names
    .map((name) => name.trim().replace(/^x-/, ''))
    .filter((name) => name !== '' && name !== 'identity')
    .reverse();
}
