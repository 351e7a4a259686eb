// Fetches files of a binary cache that is a folder.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cannot, cannotBecause, errnoOf } from '../../core/errors.ts';
import { largestText } from './transport.ts';
import type { Transport } from './transport.ts';

type Chunks = AsyncIterable<Uint8Array>;

/** `url` is the name of the folder in messages. */
export function folderTransport(folder: string, url: string): Transport {
  return {
    url,
    text: async (name, { signal }) => {
      const chunks = await opened(join(folder, name), signal);
      if (!chunks) return undefined;
      const parts: Uint8Array[] = [];
      for await (const chunk of limited(chunks, largestText, `read "${url}/${name}"`)) parts.push(chunk);
      return Buffer.concat(parts).toString();
    },
    download: async (name, to, { mostBytes }, { signal }) => {
      const what = `fetch "${url}/${name}"`;
      const chunks = await opened(join(folder, name), signal);
      if (!chunks) throw cannot(what, 'it does not exist');
      await writeFile(to, limited(chunks, mostBytes, what)).catch((error: unknown) => {
        throw cannotBecause(what, error);
      });
    },
  };
}

/** Returns the chunks of a file, or undefined if it does not exist. */
async function opened(path: string, signal: AbortSignal): Promise<Chunks | undefined> {
  const stream = createReadStream(path, { signal });
  try {
    await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject));
    return stream;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    signal.throwIfAborted();
    throw cannotBecause(`read "${path}"`, error);
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
