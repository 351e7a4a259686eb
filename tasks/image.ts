#!/usr/bin/env zx
// Looks into an image without mounting it: lists, prints and extracts what is in it, and judges it.
import { cannot } from '../lib/core/errors.ts';
import { formatBytes, plural } from '../lib/core/sizes.ts';
import { task } from '../lib/face/task.ts';
import type { Outcome, Task } from '../lib/face/task.ts';
import { extractVolumes } from '../lib/image/extract.ts';
import { chosenVolumes, findInImage, openImage } from '../lib/image/image-reader.ts';
import type { ImageVolume, OpenImage } from '../lib/image/image-reader.ts';
import { listingLine, listingRecord } from '../lib/image/listing.ts';
import { fileBytes } from '../lib/image/volume.ts';
import type { VolumeEntry } from '../lib/image/volume.ts';
import { verifyImage } from '../lib/image/verify-image.ts';

await task({
  command: 'npx zx tasks/image.ts',
  words: 'ls|cat|extract|verify IMAGE [PATH]',
  about: [
    'Looks into an image without mounting it: a GPT image with RedoxFS and FAT partitions, one of these alone, or an initfs.',
    '',
    '  ls IMAGE [PATH]      what is in it, or below PATH: kind and mode, uid:gid, size, path',
    '  cat IMAGE PATH       the bytes of a file to standard output',
    '  extract IMAGE DIR    everything to DIR, which must not exist or be empty; owners and set-id bits are left out',
    '  verify IMAGE         reads every block; exit 1 and a line for each path that is damaged',
    '',
    'A path begins with its partition: root/etc/hostname. Without it, all partitions are searched.',
  ].join('\n'),
  count: [2, 3],
  flags: {
    partition: { type: 'string', value: 'NAME', help: 'only this partition; PATH is then a path inside it' },
    json: { type: 'boolean', help: 'print one JSON object as the last line' },
  },
  examples: [
    'npx zx tasks/image.ts ls out/redox-default.img root/usr/lib',
    'npx zx tasks/image.ts cat out/redox-default.img root/etc/hostname',
    'npx zx tasks/image.ts verify out/redox-default.img',
  ],
}, async (it) => {
  const [verb = '', imagePath = ''] = it.args.words;
  const work = { ls, cat, extract, verify }[verb];
  if (!work) throw cannot(`do "${verb}" with an image`, 'the verbs are ls, cat, extract and verify', { blame: 'usage', hint: 'see npx zx tasks/image.ts --help' });
  const image = await openImage(it.path(imagePath), it.host.env['TMPDIR'] ?? '/tmp', { path: it.host.env['PATH'] ?? '' }, it);
  try {
    return await work(it, image);
  } finally {
    await image.close();
  }
});

async function ls(it: Task, image: OpenImage): Promise<Outcome> {
  const path = it.args.words[2];
  const only = it.args.text('partition');
  const below = path === undefined ? undefined : await findInImage(image, path, only);
  const listed: [ImageVolume, VolumeEntry][] = [];
  for (const volume of below ? [below.in] : chosenVolumes(image, only)) {
    for await (const entry of volume.volume?.entries() ?? []) {
      const top = below?.entry.path ?? '';
      if (top === '' || entry.path === top || entry.path.startsWith(`${top}/`)) listed.push([volume, entry]);
    }
  }
  const columns = Math.max(0, ...listed.map(([, { sizeBytes }]) => String(sizeBytes).length));
  for (const [volume, entry] of listed) it.print(listingLine(volume, entry, columns));
  return { json: { image: image.path, entries: listed.map(([volume, entry]) => listingRecord(volume, entry)) } };
}

async function cat(it: Task, image: OpenImage): Promise<Outcome> {
  const path = it.args.words[2];
  if (path === undefined) throw cannot('read the command line', 'cat needs IMAGE PATH', { blame: 'usage', hint: 'see npx zx tasks/image.ts --help' });
  const { volume, entry } = await findInImage(image, path, it.args.text('partition'));
  if (entry.kind !== 'file') throw cannot(`print "${path}"`, entry.kind === 'symlink' ? `it is a link to "${entry.target}"` : `it is a ${entry.kind}`);
  for await (const bytes of fileBytes(volume, entry)) if (!await it.write(bytes)) break;
  return { json: { image: image.path, path, bytes: entry.sizeBytes } };
}

async function extract(it: Task, image: OpenImage): Promise<Outcome> {
  const dir = it.args.words[2];
  if (dir === undefined) throw cannot('read the command line', 'extract needs IMAGE DIR', { blame: 'usage', hint: 'see npx zx tasks/image.ts --help' });
  const { files, bytes } = await extractVolumes(chosenVolumes(image, it.args.text('partition')), it.path(dir), it);
  it.print(`extracted ${plural(files, 'file')} (${formatBytes(bytes)}) to ${dir}`);
  return { json: { image: image.path, dir: it.path(dir), files, bytes } };
}

async function verify(it: Task, image: OpenImage): Promise<Outcome> {
  if (it.args.words[2] !== undefined) throw cannot('read the command line', 'verify takes no path', { blame: 'usage', hint: '--partition NAME verifies one partition' });
  const { findings, paths, notes } = await verifyImage(image, chosenVolumes(image, it.args.text('partition')), { path: it.host.env['PATH'] ?? '' }, it);
  for (const { path, why } of findings) it.print(`damaged ${path}: ${why}`);
  for (const note of notes) it.print(`note: ${note}`);
  it.print(findings.length === 0 ? `${plural(paths, 'path')} read, no damage` : `${plural(findings.length, 'damage')} found`);
  return { exitCode: findings.length === 0 ? 0 : 1, json: { image: image.path, paths, findings: findings.map(({ path, why }) => ({ path, why })), notes: [...notes] } };
}
