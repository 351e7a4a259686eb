// `tasks/image.ts diff`: prints how two images differ, a line for each file. Exit code 1 when they do.
import { exitCodes } from '../../core/errors.ts';
import { plural } from '../../core/sizes.ts';
import { imageDifferences } from '../../image/read/image-diff.ts';
import type { Difference } from '../../image/read/image-diff.ts';
import type { OpenImage } from '../../image/read/image-reader.ts';
import { shownName } from '../../image/read/listing.ts';
import { openedImage, printNames, takeWords } from '../flags/image-argument.ts';
import type { Task } from '../task.ts';
import type { Outcome } from '../../core/events.ts';

export async function diff(it: Task, before: OpenImage): Promise<Outcome> {
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
