// The sources that the command line selects.
import { cannot } from '../../core/errors.ts';
import type { SourceChoice } from '../../system/component.ts';
import type { LoadedSystem } from '../../system/load.ts';
import { hasUpstreamLock } from '../../sources/upstream-sources.ts';
import type { Task } from '../task.ts';

/** Returns which sources are built. Without the flag they are upstream's if all of them are in the system's lock. */
export async function sourcesOf({ args, path }: Task, system: LoadedSystem): Promise<SourceChoice> {
  const kind = args.text('sources') ?? ((await hasUpstreamLock(system, system.folder)) ? 'upstream' : 'bundled');
  if (kind !== 'upstream' && kind !== 'bundled') {
    throw cannot(`use --sources "${kind}"`, 'it must be upstream or bundled', { blame: 'usage' });
  }
  const local = args.list('source').map((word) => {
    const at = word.indexOf('=');
    if (at < 1) throw cannot(`use --source "${word}"`, 'it must be NAME=DIR', { blame: 'usage' });
    return [word.slice(0, at), path(word.slice(at + 1))] as const;
  });
  return { kind, local: Object.fromEntries(local) };
}
