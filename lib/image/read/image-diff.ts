// Compares two images: their partition tables, and the files of the volumes that have the same name. Contents
// are read in parallel in pieces. Times, identifiers of file systems and the positions of blocks are ignored.
import { createReadStream } from 'node:fs';
import { byCodeUnit } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { pace } from '../../core/events.ts';
import { MiB } from '../../core/sizes.ts';
import type { Gpt } from '../gpt.ts';
import { imagePathOf } from './image-reader.ts';
import type { OpenImage, PlacedVolume } from './image-reader.ts';
import { modeText } from './listing.ts';
import { fileBytes } from './volume.ts';
import type { Volume, VolumeEntry } from './volume.ts';
import type { Xattrs } from '../xattrs.ts';

export interface Difference {
  readonly change: 'added' | 'removed' | 'changed';
  /** The path with the partition in front, or "(partition table)". */
  readonly path: string;
  /** The changes as short clauses: "size 3 -> 5". Empty unless `change` is 'changed'. */
  readonly details: readonly string[];
}

const tablePath = '(partition table)';

/** Yields the differences from `before` to `after`: the table first, then each volume by path. */
export async function* imageDifferences(before: OpenImage, after: OpenImage, context: Context): AsyncGenerator<Difference> {
  const table = tableDetails(before.gpt, after.gpt);
  if (table.length > 0) yield { change: 'changed', path: tablePath, details: table };
  for (const old of before.volumes) {
    const now = after.volumes.find(({ name }) => name === old.name);
    if (now) yield* volumeDifferences({ ...old, imagePath: before.path }, { ...now, imagePath: after.path }, context);
    else yield { change: 'removed', path: imagePathOf(old, ''), details: [] };
  }
  for (const now of after.volumes) {
    if (!before.volumes.some(({ name }) => name === now.name)) yield { change: 'added', path: imagePathOf(now, ''), details: [] };
  }
}

function tableDetails(before: Gpt | undefined, after: Gpt | undefined): readonly string[] {
  if (!before || !after) return before === after ? [] : [`${before ? 'GPT' : 'none'} -> ${after ? 'GPT' : 'none'}`];
  const details = changes({ disk: before.diskGuid }, { disk: after.diskGuid });
  for (const [i, old] of before.partitions.entries()) {
    const now = after.partitions[i];
    if (now) details.push(...changes({ ...old }, { ...now }).map((text) => `partition ${i + 1}: ${text}`));
  }
  return [...details, ...changes({ partitions: before.partitions.length }, { partitions: after.partitions.length })];
}

async function* volumeDifferences(before: PlacedVolume, after: PlacedVolume, context: Context): AsyncGenerator<Difference> {
  const turn = pace(context);
  const details = changes({ 'file system': before.kind }, { 'file system': after.kind });
  if (details.length > 0) yield { change: 'changed', path: imagePathOf(before, ''), details };
  if (!before.volume || !after.volume) {
    const unknown = before.kind === after.kind && before.sizeBytes === after.sizeBytes;
    if (unknown && !(await sameBytes(rawBytes(before), rawBytes(after), turn)))
      yield { change: 'changed', path: imagePathOf(after, ''), details: ['content'] };
    return;
  }
  const left = await entriesOf(before.volume);
  const right = await entriesOf(after.volume);
  for (const [path, old] of left) {
    const now = right.get(path);
    if (!now) {
      yield { change: 'removed', path: imagePathOf(before, path), details: [] };
      continue;
    }
    const changed = entryDetails(old, now);
    const comparable = old.kind === 'file' && now.kind === 'file' && old.sizeBytes === now.sizeBytes;
    if (comparable && !(await sameBytes(fileBytes(before.volume, old), fileBytes(after.volume, now), turn))) changed.push('content');
    if (changed.length > 0) yield { change: 'changed', path: imagePathOf(after, path), details: changed };
  }
  for (const path of right.keys()) if (!left.has(path)) yield { change: 'added', path: imagePathOf(after, path), details: [] };
}

async function entriesOf(volume: Volume): Promise<ReadonlyMap<string, VolumeEntry>> {
  const entries = new Map<string, VolumeEntry>();
  for await (const entry of volume.entries()) entries.set(entry.path, entry);
  return entries;
}

/** Compares everything except the bytes. The size of a directory depends on its storage. */
function entryDetails(before: VolumeEntry, after: VolumeEntry): string[] {
  const facts = (entry: VolumeEntry): Readonly<Record<string, string | number>> => ({
    mode: modeText(entry),
    owner: `${entry.uid}:${entry.gid}`,
    ...(entry.kind === 'file' ? { size: entry.sizeBytes } : {}),
    ...(entry.target === undefined ? {} : { target: `"${entry.target}"` }),
    names: entry.links?.count ?? 1,
    ...(entry.special?.device ? { device: entry.special.device.join(',') } : {}),
  });
  return [...changes(facts(before), facts(after)), ...xattrChanges(before.xattrs ?? new Map(), after.xattrs ?? new Map())];
}

function xattrChanges(before: Xattrs, after: Xattrs): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort(byCodeUnit).flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old && now) return Buffer.compare(old, now) === 0 ? [] : [`extended attribute ${name} changed`];
    return [`extended attribute ${name} ${old ? 'removed' : 'added'}`];
  });
}

/** Returns "name old -> new" for each fact that differs and that both have. */
function changes(before: Readonly<Record<string, string | number>>, after: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(before).flatMap(([name, old]) => {
    const now = after[name];
    return now === undefined || now === old ? [] : [`${name} ${old} -> ${now}`];
  });
}

/** Yields the bytes of a whole volume of unknown kind. */
async function* rawBytes({ imagePath, offsetBytes, sizeBytes }: PlacedVolume): AsyncGenerator<Uint8Array> {
  if (sizeBytes > 0) yield* createReadStream(imagePath, { start: offsetBytes, end: offsetBytes + sizeBytes - 1, highWaterMark: MiB });
}

/** Whether two streams of the same total length have the same bytes. Stops at the first difference. */
async function sameBytes(
  left: AsyncGenerator<Uint8Array>,
  right: AsyncGenerator<Uint8Array>,
  turn: (bytes: number) => Promise<void>,
): Promise<boolean> {
  let a: Uint8Array | undefined;
  let b: Uint8Array | undefined;
  try {
    for (;;) {
      // A piece is valid until the next one is requested.
      a = a?.length ? a : await nextPiece(left);
      b = b?.length ? b : await nextPiece(right);
      if (!a || !b) return a === b;
      const length = Math.min(a.length, b.length);
      if (Buffer.compare(a.subarray(0, length), b.subarray(0, length)) !== 0) return false;
      await turn(length);
      [a, b] = [a.subarray(length), b.subarray(length)];
    }
  } finally {
    await left.return(undefined);
    await right.return(undefined);
  }
}

/** Returns the next piece that is not empty, or undefined at the end. */
async function nextPiece(pieces: AsyncGenerator<Uint8Array>): Promise<Uint8Array | undefined> {
  for (;;) {
    const { value, done } = await pieces.next();
    if (done) return undefined;
    if (value.length > 0) return value;
  }
}
