// The record of a copy of tasks: bloomery/origin.json has a digest for each file, by which a change on either
// side is detected.
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { digestBytes, isDigest } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { absentAsUndefined, cannot } from '../../core/errors.ts';
import { parseJsonFields } from '../../core/fields.ts';

export interface Origin {
  readonly version: string;
  /** The requested tasks, by their paths in the repository. */
  readonly tasks: readonly string[];
  readonly examples: readonly string[];
  /** Names of optional parts. */
  readonly parts: readonly string[];
  /** Digests by path, relative to the copy. */
  readonly files: Readonly<Record<string, Digest>>;
}

/** The name of the file, in the folder of the copy. */
export const originName = 'origin.json';

/** The changes of a file since it was copied, on either side. */
export type FileState =
  'same' | 'changed here' | 'changed upstream' | 'changed on both sides' | 'new upstream' | 'gone upstream' | 'in the way';

/** Reads the record of a copy. Returns undefined for a folder without one. An invalid record is a Failure. */
export async function readOrigin(folder: string): Promise<Origin | undefined> {
  const path = join(folder, originName);
  const text = await absentAsUndefined(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const fields = parseJsonFields(text, path);
  const files = fields.table('files');
  if (fields.value('format') !== 1 || !files) throw cannot(`read "${path}"`, 'it is not the record of a copy');
  const digests = files.names().map((name) => {
    if (posix.isAbsolute(name) || posix.normalize(name).startsWith('..')) throw files.bad(name, 'it leaves the copy');
    const digest = files.value(name);
    if (isDigest(digest)) return [name, digest] as const;
    throw files.bad(name, 'it must be a SHA-256');
  });
  return {
    version: fields.text('version') ?? '',
    tasks: fields.texts('tasks') ?? [],
    examples: fields.texts('examples') ?? [],
    parts: fields.texts('parts') ?? [],
    files: Object.fromEntries(digests),
  };
}

export function originText({ version, tasks, examples, parts, files }: Origin): string {
  return `${JSON.stringify({ format: 1, version, tasks, examples, parts, files }, null, 2)}\n`;
}

/** Compares a file with the record. Digests are undefined if there is no file. */
export function stateOf(copied: Digest | undefined, here: Digest | undefined, upstream: Digest | undefined): FileState {
  if (here === upstream) return 'same';
  if (copied === undefined) return here === undefined ? 'new upstream' : 'in the way';
  if (here === copied) return upstream === undefined ? 'gone upstream' : 'changed upstream';
  return upstream === copied ? 'changed here' : 'changed on both sides';
}

/** Returns the digest of a file, or undefined if it does not exist. */
export async function digestOf(path: string): Promise<Digest | undefined> {
  const bytes = await absentAsUndefined(readFile(path));
  return bytes && digestBytes(bytes);
}
