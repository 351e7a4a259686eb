// Files of a binary cache by name: from a folder (file:, or a path) or over http. What arrives is not believed here; whoever asks for a file knows how
// long it may be and checks what it is.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cannot, cannotBecause, errnoOf, Failure } from '../core/errors.ts';
import type { Context } from '../core/events.ts';

export interface Transport {
  /** As it is told. */
  readonly url: string;
  /** A small file; undefined where there is none. */
  text(name: string, context: Context): Promise<string | undefined>;
  /** Writes a file of at most `mostBytes` to `to`. */
  download(name: string, to: string, mostBytes: number, context: Context): Promise<void>;
}

const largestText = 1 << 20;
/** A server that says nothing for so long is given up. */
const silenceMs = 60_000;

type Chunks = AsyncIterable<Uint8Array>;

/** `place` is a folder's absolute path, or a URL. */
export function transport(place: string): Transport {
  const open = opener(place);
  const url = place.replace(/\/+$/, '');
  return {
    url,
    text: async (name, { signal }) => {
      const what = `read "${url}/${name}"`;
      const chunks = await open(name, signal);
      if (!chunks) return undefined;
      const parts: Uint8Array[] = [];
      for await (const chunk of limited(chunks, largestText, what)) parts.push(chunk);
      return Buffer.concat(parts).toString();
    },
    download: async (name, to, mostBytes, { signal }) => {
      const what = `fetch "${url}/${name}"`;
      const chunks = await open(name, signal);
      if (!chunks) throw cannot(what, 'it does not exist');
      await writeFile(to, limited(chunks, mostBytes, what)).catch((error: unknown) => {
        throw cannotBecause(what, error);
      });
    },
  };
}

/** Gives a file's chunks, or undefined where there is none. */
function opener(place: string): (name: string, signal: AbortSignal) => Promise<Chunks | undefined> {
  if (/^https?:/.test(place)) return (name, signal) => requested(`${place.replace(/\/+$/, '')}/${name}`, signal);
  const folder = place.startsWith('file:') ? fileURLToPath(place) : place;
  if (/^\w+:/.test(folder)) {
    throw cannot(`use the binary cache "${place}"`, 'it is neither a folder nor a URL of file:, http: or https:', { blame: 'usage' });
  }
  return async (name, signal) => {
    const stream = createReadStream(join(folder, name), { signal });
    try {
      await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject));
      return stream;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      signal.throwIfAborted();
      throw cannotBecause(`read "${join(folder, name)}"`, error);
    }
  };
}

async function requested(url: string, signal: AbortSignal): Promise<Chunks | undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('the server says nothing')), silenceMs);
  const failed = (error: unknown): unknown => {
    clearTimeout(timer);
    if (signal.aborted) return signal.reason;
    if (error instanceof Failure) return error;
    const reason: unknown = silence.signal.aborted ? silence.signal.reason : error instanceof Error ? (error.cause ?? error) : error;
    return cannot(`fetch "${url}"`, reason instanceof Error ? reason.message : String(reason), { blame: 'host', cause: error });
  };
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, silence.signal]) });
    if (response.status === 404 || response.status === 403) {
      clearTimeout(timer); // 403 is what some object stores say of what they do not have
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok || !response.body)
      throw cannot(`fetch "${url}"`, `the server answers ${response.status} ${response.statusText}`, { blame: 'host' });
    return heard(response.body, timer, failed);
  } catch (error) {
    throw failed(error);
  }
}

async function* heard(body: Chunks, timer: NodeJS.Timeout, failed: (error: unknown) => unknown): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk;
    }
  } catch (error) {
    throw failed(error);
  } finally {
    clearTimeout(timer);
  }
}

async function* limited(chunks: Chunks, mostBytes: number, what: string): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw cannot(what, `it is longer than ${mostBytes} bytes`);
    yield chunk;
  }
}
