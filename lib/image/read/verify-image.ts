// Judges a whole image: its partition table by sfdisk, its volumes each by their own reader.
import { Failure } from '../../core/errors.ts';
import type { Context } from '../../core/events.ts';
import { imagePathOf } from './image-reader.ts';
import type { ImageVolume, OpenImage } from './image-reader.ts';
import { tried } from '../image-tools.ts';
import type { ImageHost, ToolCall } from '../image-tools.ts';
import type { Finding } from './volume.ts';

export interface ImageVerdict {
  /** Paths have the partition in front. */
  readonly findings: readonly Finding[];
  readonly paths: number;
  readonly notes: readonly string[];
}

/** Reads everything that `volumes` hold; the table is judged when the image has one. */
export async function verifyImage(
  image: OpenImage,
  volumes: readonly ImageVolume[],
  host: ImageHost,
  context: Context,
): Promise<ImageVerdict> {
  const table = image.gpt ? await verifyGpt(image.path, host, context) : { findings: [], notes: [] };
  const findings: Finding[] = [...table.findings];
  const notes: string[] = [...table.notes];
  let paths = 0;
  for (const each of volumes) {
    if (!each.volume) continue;
    try {
      const verdict = await each.volume.verify();
      findings.push(...verdict.findings.map(({ path, why }) => ({ path: imagePathOf(each, path), why })));
      if (verdict.note) notes.push(`${each.name || each.kind}: ${verdict.note}`);
      paths += verdict.paths;
    } catch (error) {
      if (!(error instanceof Failure) || error.blame !== 'failed') throw error;
      findings.push({ path: imagePathOf(each, ''), why: error.message });
    }
  }
  return { findings, paths, notes };
}

/** What sfdisk reports of an image that was made larger after its table was written, as for a larger disk. The table itself is whole. */
const grown = [
  /^The backup GPT table is not on the end of the device\.?$/,
  /^GPT PMBR size mismatch /,
  /^MyLBA mismatch with real position at backup header\.?$/,
  /^\d+ errors? detected\.?$/,
] as const;

async function verifyGpt(path: string, host: ImageHost, context: Context): Promise<Pick<ImageVerdict, 'findings' | 'notes'>> {
  const call: ToolCall = { what: `check the partition table of "${path}"`, argv: ['sfdisk', '--verify', path] };
  const { exitCode, stdout, stderr } = await tried(call, host, context);
  const linesOf = (text: string): readonly string[] =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  const lines = linesOf(stderr);
  const isSound = exitCode === 0 && /No errors detected/.test(stdout) && !lines.some((line) => /corrupt|mismatch/i.test(line));
  if (isSound) return { findings: [], notes: [] };
  const all = [...lines, ...linesOf(stdout)].filter((line) => line !== `${path}:`);
  if (all.some((line) => grown[0].test(line)) && all.every((line) => grown.some((known) => known.test(line)))) {
    return { findings: [], notes: ['the image is larger than its partition table: the backup of the table is not at the end'] };
  }
  return { findings: [{ path: '(partition table)', why: lines.join('; ') || stdout.trim() || 'sfdisk refuses it' }], notes: [] };
}
