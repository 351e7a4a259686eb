// Decompresses files: zstd, gzip, deflate and Brotli with Node; xz, LZMA, bzip2, lzip and lz4 with their
// tools. At most the expected number of bytes is written. Files that consist of several compressed ones
// (pzstd, pbzip2, cat) are decompressed to their end.
import { closeSync, createReadStream, createWriteStream, openSync, readSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Transform } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { cannot, cannotBecause, errnoOf } from './errors.ts';
import type { Context } from './events.ts';
import { run } from './sh.ts';
import { tool } from './tools.ts';
import { zstdFrames } from './zstd-frames.ts';

/** Beginnings of Node's error codes for damaged data. */
const damageCodes = /^(?:Z_|ZSTD_|ERR_BROTLI|ERR__ERROR_|ERR_ZSTD|ERR_ZLIB)/;

const byNode: Readonly<Record<string, () => Duplex>> = {
  zstd: createZstdDecompress,
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};
const byTool: Readonly<Record<string, Tool>> = {
  xz: { program: 'xz', ending: '.xz' },
  bzip2: { program: 'bzip2', ending: '.bz2' },
  lzma: { program: 'xz', ending: '.lzma' },
  lzip: { program: 'lzip', ending: '.lz' },
  // Without --multiple it writes to standard output, and without --rm it keeps the packed file.
  lz4: { program: 'lz4', ending: '.lz4', flags: ['--multiple', '--rm'] },
};

/** The first bytes of files, in hex. Brotli and deflate have none. */
const beginnings: readonly { readonly compression: string; readonly bytes: RegExp }[] = [
  { compression: 'zstd', bytes: /^(?:28b52ffd|5.2a4d18)/ },
  { compression: 'gzip', bytes: /^1f8b/ },
  { compression: 'xz', bytes: /^fd377a585a00/ },
  { compression: 'bzip2', bytes: /^425a68/ },
  { compression: 'lzma', bytes: /^5d0000/ },
  { compression: 'lzip', bytes: /^4c5a4950/ },
  { compression: 'lz4', bytes: /^(?:04|02)224d18/ },
];
const withoutBeginning = new Set(['br', 'deflate']);

/** A raw stream has no header, so the size of its dictionary must be known. */
const lzma2: Tool = { program: 'xz', ending: '.lzma2', flags: ['--format=raw', '--lzma2=dict=64MiB', '--suffix=.lzma2'] };

interface Tool {
  readonly program: string;
  readonly ending: string;
  readonly flags?: readonly string[];
}

export interface Packed {
  readonly path: string;
  readonly compression: string;
  /** Size of the unpacked file in bytes. A larger one is refused. */
  readonly sizeBytes: number;
  /** Text for the error: 'fetch "<url>"'. */
  readonly what: string;
}

/**
 * Returns the path of the plain file, which is next to the packed one and may replace it. The first bytes of
 * the file override the name of its compression, as in Nix, because some caches report a wrong one.
 * `searchPath` is a PATH value.
 */
export async function unpacked(given: Packed, searchPath: string, context: Context): Promise<string> {
  const { path, what } = given;
  if (given.compression === 'none') return path;
  const compression = (withoutBeginning.has(given.compression) ? undefined : compressionAt(path)) ?? given.compression;
  const packed = { ...given, compression };
  const decompress = Object.hasOwn(byNode, compression) ? byNode[compression] : undefined;
  const named = Object.hasOwn(byTool, compression) ? byTool[compression] : undefined;
  const to = `${path}.plain`;
  if (decompress) await unpackByNode(packed, decompress, to, context);
  else if (named) await unpackByTool(packed, named, to, searchPath, context);
  else
    throw cannot(what, `its compression "${compression}" is not known`, {
      hint: `known are "none", ${Object.keys({ ...byNode, ...byTool }).join(', ')}`,
    });
  return to;
}

/** Returns the compression that the first bytes of the file indicate. */
function compressionAt(path: string): string | undefined {
  const bytes = Buffer.alloc(6);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
  return beginnings.find((beginning) => beginning.bytes.test(bytes.toString('hex')))?.compression;
}

/** Does the same for a raw LZMA2 stream with a dictionary of at most 64 MiB, as in packages of Redox. */
export async function unpackedLzma2(packed: Omit<Packed, 'compression'>, searchPath: string, context: Context): Promise<string> {
  const to = `${packed.path}.plain`;
  await unpackByTool(packed, lzma2, to, searchPath, context);
  return to;
}

async function unpackByNode(packed: Packed, decompress: () => Duplex, to: string, { signal }: Context): Promise<void> {
  const { path, compression, sizeBytes, what } = packed;
  const damage = (cause?: unknown): Error => cannot(what, 'the compressed archive is damaged', { cause });
  let bytes = 0;
  const limit = (): Transform =>
    new Transform({
      transform: (chunk: Buffer, _, done) => {
        bytes += chunk.length;
        if (bytes > sizeBytes) done(tooLong(what, sizeBytes));
        else done(null, chunk);
      },
    });
  try {
    let flags = 'w';
    for (const part of compression === 'zstd' ? zstdFrames(path, damage) : [{ start: 0 }]) {
      await pipeline(createReadStream(path, part), decompress(), limit(), createWriteStream(to, { flags }), { signal });
      flags = 'a';
    }
  } catch (error) {
    signal.throwIfAborted();
    throw damageCodes.test(errnoOf(error) ?? '') ? damage(error) : cannotBecause(what, error);
  }
}

/** prlimit (util-linux) ends a tool that writes more than the limit. */
async function unpackByTool(
  { path, sizeBytes, what }: Omit<Packed, 'compression'>,
  { program, ending, flags = [] }: Tool,
  to: string,
  searchPath: string,
  { signal }: Context,
): Promise<void> {
  const named = to + ending; // the tools derive the name of their output by removing this ending
  await rename(path, named);
  const prlimit = [await tool('prlimit', searchPath), `--fsize=${sizeBytes}`];
  const argv = [...prlimit, await tool(program, searchPath), '--decompress', '--quiet', ...flags, named];
  const { exitCode, killedBy, stderr } = await run(argv, { cwd: '/', env: { PATH: searchPath, LC_ALL: 'C' }, signal });
  if (exitCode === 0) return;
  if (killedBy === 'SIGXFSZ' || /file too large/i.test(stderr)) throw tooLong(what, sizeBytes);
  if (/no space left/i.test(stderr)) throw cannotBecause(what, Object.assign(new Error(stderr), { code: 'ENOSPC' }));
  throw cannot(what, 'the compressed archive is damaged', { detail: stderr.trim() });
}

function tooLong(what: string, sizeBytes: number): Error {
  return cannot(what, `it unpacks to more than the ${sizeBytes} bytes that are expected`);
}
