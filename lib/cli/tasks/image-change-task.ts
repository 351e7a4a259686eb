// The verbs `put` and `grow` of tasks/image.ts, which change an image.
import { existsSync, statSync } from 'node:fs';
import { cannot, cannotBecause } from '../../core/errors.ts';
import { formatBytes, plural } from '../../core/sizes.ts';
import { growImage } from '../../image/change/grow-image.ts';
import type { OpenImage } from '../../image/read/image-reader.ts';
import { putIntoImage } from '../../image/change/put-image.ts';
import { parseSize } from '../command-line.ts';
import { hostOf, scratchDir, takeWords } from '../flags/image-argument.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

const permissions = 0o777;

export async function put(it: Task, image: OpenImage): Promise<Outcome> {
  const { args } = it;
  const [file = '', path = ''] = takeWords(it, 'put', 2, 'FILE', 'PATH');
  const what = `put "${path}" into "${image.path}"`;
  const source = hostFile(it.path(file));
  const request = {
    what,
    path,
    partition: args.text('partition'),
    content: { kind: 'host' as const, path: it.path(file), sizeBytes: source.sizeBytes },
    mode: octal(args.text('mode')),
    uid: identifier(it, 'uid'),
    gid: identifier(it, 'gid'),
    defaultMode: source.mode,
    parents: args.has('parents'),
    compress: args.has('compress'),
  };
  const outcome = await putIntoImage(image, request, scratchDir(it), hostOf(it), it);
  it.print(`${outcome.replaced ? 'replaced' : 'added'} ${outcome.path} (${formatBytes(source.sizeBytes)})`);
  if (outcome.copied) it.report({ kind: 'note', text: 'the image had several hard links; the others keep the old contents' });
  if (outcome.otherNames) {
    it.report({ kind: 'note', text: `the file had ${plural(outcome.otherNames, 'other name')} in the image, with the old contents now` });
  }
  noteManifest(it, image);
  return { json: { image: image.path, path: outcome.path, bytes: source.sizeBytes, replaced: outcome.replaced, copied: outcome.copied } };
}

export async function grow(it: Task, image: OpenImage): Promise<Outcome> {
  takeWords(it, 'grow', 0);
  const size = it.args.text('size');
  const { imageBytes, beforeBytes, afterBytes } = await growImage(
    image,
    size === undefined ? undefined : parseSize('size', size),
    hostOf(it),
    it,
  );
  const grown = afterBytes > beforeBytes;
  it.print(
    grown ? `the RedoxFS grew from ${formatBytes(beforeBytes)} to ${formatBytes(afterBytes)}` : 'the RedoxFS fills its partition already',
  );
  if (grown) noteManifest(it, image);
  return { json: { image: image.path, imageBytes, beforeBytes, afterBytes } };
}

function hostFile(path: string): { readonly sizeBytes: number; readonly mode: number } {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw cannot(`read "${path}"`, status.isDirectory() ? 'it is a folder' : 'it is not a file');
    return { sizeBytes: status.size, mode: status.mode & permissions };
  } catch (error) {
    throw cannotBecause(`read "${path}"`, error);
  }
}

function octal(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-7]{3,5}$/.test(text) || Number.parseInt(text, 8) > 0o7777) {
    throw cannot(`use --mode "${text}"`, 'it must be octal permission bits', { blame: 'usage', hint: 'for example --mode 755' });
  }
  return Number.parseInt(text, 8);
}

function identifier({ args }: Task, flag: 'uid' | 'gid'): number | undefined {
  const value = args.count(flag);
  if (value !== undefined && value > 0xffff_ffff)
    throw cannot(`use --${flag} "${value}"`, 'it must be a 32-bit number', { blame: 'usage' });
  return value;
}

/**
 * Reports that the manifest, which build.ts writes next to an image, still has the digest of the image as it
 * was built.
 */
function noteManifest({ report }: Task, { path }: OpenImage): void {
  const manifest = path.replace(/\.img$/, '.json');
  if (manifest !== path && existsSync(manifest)) {
    report({ kind: 'note', text: `"${manifest}" describes the image as it was built` });
  }
}
