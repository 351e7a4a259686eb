// The work of tasks/image.ts: a verb, an image, a path. The verbs that change an image are an optional part.
import { cannot, exitCodes } from '../../core/errors.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { extractVolumes } from '../../image/read/extract.ts';
import { imageDifferences } from '../../image/read/image-diff.ts';
import type { Difference } from '../../image/read/image-diff.ts';
import { chosenVolumes, findInImage, verifyImage } from '../../image/read/image-reader.ts';
import type { ImageVolume, OpenImage } from '../../image/read/image-reader.ts';
import { listingLine, listingRecord, shownName, sizeText } from '../../image/read/listing.ts';
import { fileBytes } from '../../image/read/volume.ts';
import type { VolumeEntry } from '../../image/read/volume.ts';
import type { Flag } from '../command-line.ts';
import { passwordFlags } from '../flags/disk-password.ts';
import { hostOf, openedImage, printNames, takeWords } from '../flags/image-argument.ts';
import { optionalPart } from '../optional-parts.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

export const imageFlags = {
  partition: { type: 'string', value: 'NAME', help: 'only this partition; PATH is then a path inside it' },
  mode: { type: 'string', value: 'OCTAL', help: "put: permission bits; default: those of the file that is replaced, else FILE's" },
  uid: { type: 'string', value: 'N', help: 'put: owner; default: that of the file that is replaced, else 0' },
  gid: { type: 'string', value: 'N', help: 'put: group; default: that of the file that is replaced, else 0' },
  parents: { type: 'boolean', help: 'put: create missing directories of PATH' },
  compress: { type: 'boolean', help: 'put: compress the contents with LZ4 (RedoxFS)' },
  size: { type: 'string', value: 'SIZE', help: 'grow: new size of the image, for example 1G; default: its size' },
  ...passwordFlags,
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
} as const satisfies Record<string, Flag>;

type Verb = (it: Task, image: OpenImage) => Promise<Outcome>;

/** The exports of lib/cli/tasks/image-change-task.ts. */
type ImageChanges = Readonly<Record<'put' | 'grow', Verb>>;

const verbs: Readonly<Record<string, Verb>> = {
  ...{ ls, cat, extract, verify, diff },
  put: async (it, image) => await (await imageChanges('write a file into an image')).put(it, image),
  grow: async (it, image) => await (await imageChanges('make an image larger')).grow(it, image),
};

async function imageChanges(what: string): Promise<ImageChanges> {
  return await optionalPart<ImageChanges>(repository, 'image-changes', what, ['put', 'grow']);
}

export async function inspectImage(it: Task): Promise<Outcome> {
  const [verb = '', imagePath = ''] = it.args.words;
  const work = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!work)
    throw cannot(`do "${verb}" with an image`, `the verbs are ${Object.keys(verbs).join(', ')}`, {
      blame: 'usage',
      hint: 'see npx zx tasks/image.ts --help',
    });
  const image = await openedImage(it, imagePath);
  try {
    return await work(it, image);
  } finally {
    await image.close();
  }
}

async function ls(it: Task, image: OpenImage): Promise<Outcome> {
  const [path] = takeWords(it, 'ls', 0, 'PATH');
  const only = it.args.text('partition');
  const below = path === undefined ? undefined : await findInImage(image, path, only);
  const listed: [ImageVolume, VolumeEntry][] = [];
  for (const volume of below ? [below.in] : chosenVolumes(image, only)) {
    for await (const entry of volume.volume?.entries() ?? []) {
      const top = below?.entry.path ?? '';
      if (top === '' || entry.path === top || entry.path.startsWith(`${top}/`)) listed.push([volume, entry]);
    }
  }
  const columns = listed.reduce((most, [, entry]) => Math.max(most, sizeText(entry).length), 0);
  await printNames(
    it,
    listed.map(([volume, entry]) => listingLine(volume, entry, columns)),
  );
  return { json: { image: image.path, entries: listed.map(([volume, entry]) => listingRecord(volume, entry)) } };
}

async function cat(it: Task, image: OpenImage): Promise<Outcome> {
  const [path = ''] = takeWords(it, 'cat', 1, 'PATH');
  const { volume, entry } = await findInImage(image, path, it.args.text('partition'));
  if (entry.kind !== 'file')
    throw cannot(`print "${path}"`, entry.kind === 'symlink' ? `it is a link to "${entry.target}"` : 'it is not a file');
  for await (const bytes of fileBytes(volume, entry)) if (!(await it.write(bytes))) break;
  return { json: { image: image.path, path, bytes: entry.sizeBytes } };
}

async function extract(it: Task, image: OpenImage): Promise<Outcome> {
  const [dir = ''] = takeWords(it, 'extract', 1, 'DIR');
  const volumes = chosenVolumes(image, it.args.text('partition'));
  const { files, bytes, leftOut, xattrsLeftOut, xattrComplaints } = await extractVolumes(volumes, it.path(dir), hostOf(it), it);
  it.print(`extracted ${plural(files, 'file')} (${formatBytes(bytes)}) to ${dir}`);
  for (const [what, paths] of [
    ['devices, pipes and sockets were left out', leftOut],
    ['extended attributes were left out', xattrsLeftOut],
    ['extended attributes could not be set', xattrComplaints],
  ] as const) {
    const [first] = paths;
    const others = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
    if (first !== undefined) await printNames(it, [`note: ${what}: ${shownName(first)}${others}`]);
  }
  const notes = { leftOut: [...leftOut], xattrsLeftOut: [...xattrsLeftOut], xattrComplaints: [...xattrComplaints] };
  return { json: { image: image.path, dir: it.path(dir), files, bytes, ...notes } };
}

async function verify(it: Task, image: OpenImage): Promise<Outcome> {
  if (it.args.words[2] !== undefined) {
    throw cannot('read the command line', 'verify takes no path', { blame: 'usage', hint: '--partition NAME verifies one partition' });
  }
  const { findings, paths, notes } = await verifyImage(image, chosenVolumes(image, it.args.text('partition')), hostOf(it), it);
  await printNames(
    it,
    findings.map(({ path, why }) => `damaged ${shownName(path)}: ${why}`),
  );
  for (const note of notes) it.print(`note: ${note}`);
  it.print(findings.length === 0 ? `${plural(paths, 'path')} read, no damage` : `${plural(findings.length, 'damage')} found`);
  const json = { image: image.path, paths, findings: findings.map(({ path, why }) => ({ path, why })), notes: [...notes] };
  return { exitCode: findings.length === 0 ? exitCodes.done : exitCodes.failed, json };
}

/** Prints the differences of two images, one line for each file. The exit code is 1 if there are any. */
async function diff(it: Task, before: OpenImage): Promise<Outcome> {
  const [other = ''] = takeWords(it, 'diff', 1, 'IMAGE');
  const after = await openedImage(it, other);
  try {
    const differences: Difference[] = [];
    for await (const difference of imageDifferences(before, after, it)) {
      differences.push(difference);
      await printNames(it, [differenceLine(difference)]);
    }
    it.print(differences.length === 0 ? 'no differences' : plural(differences.length, 'difference'));
    const rows = differences.map(({ change, path, details }) => ({ change, path, details: [...details] }));
    const json = { before: before.path, after: after.path, differences: rows };
    return { exitCode: differences.length === 0 ? exitCodes.done : exitCodes.failed, json };
  } finally {
    await after.close();
  }
}

function differenceLine({ change, path, details }: Difference): string {
  const name = shownName(path);
  return details.length === 0 ? `${change} ${name}` : `${change} ${name}: ${details.join(', ')}`;
}
