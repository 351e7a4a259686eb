// The verb of tasks/closure.ts that replaces dependencies. This part may be missing in a copy of the task.
import { join } from 'node:path';
import type { Json } from '../../core/digest.ts';
import { cannot } from '../../core/errors.ts';
import type { Outcome } from '../../core/events.ts';
import { plural } from '../../core/sizes.ts';
import { replaceDependencies } from '../../nix/rewrite/replace-dependencies.ts';
import type { Replacement } from '../../nix/rewrite/replacement-plan.ts';
import type { StoreName } from '../../nix/store/store-path.ts';
import type { Task } from '../task.ts';
import { help, neededFolder, storePlace } from './closure-argument.ts';

export async function replace(task: Task, [given = '']: readonly string[]): Promise<Outcome> {
  const { args, path, print } = task;
  const to = neededFolder(task, 'replace');
  const { store, name } = await storePlace(given, task);
  const replacements: Replacement[] = [];
  for (const pair of args.list('replacement')) {
    const cut = pair.indexOf('=');
    if (cut === -1) throw cannot(`use --replacement "${pair}"`, 'it is not OLD=NEW', { blame: 'usage', hint: help });
    replacements.push({ old: await nameOf(pair.slice(0, cut), task), new: await nameOf(pair.slice(cut + 1), task) });
  }
  if (replacements.length === 0) throw cannot('replace', 'it needs --replacement OLD=NEW', { blame: 'usage', hint: help });
  const cutoffs = await Promise.all(args.list('cutoff').map((cutoff) => nameOf(cutoff, task)));
  const { root, rewritten } = await replaceDependencies(
    store,
    { root: name, replacements, cutoffs, to: path(to), whole: args.has('whole') },
    task,
  );
  for (const { old, info } of rewritten) print(`${old} -> ${info.name}`);
  const newPath = `${store.storeDir}/${root}`;
  print(
    rewritten.length === 0
      ? `nothing had to be rewritten: ${newPath}`
      : `${plural(rewritten.length, 'path')} in ${to}; the root is ${newPath}`,
  );
  const listed = rewritten.map(({ old, info }): Json => ({ old, new: info.name, narHash: info.narHash, bytes: info.narSize }));
  return { json: { path: newPath, at: rewritten.length === 0 ? null : join(path(to), root), rewritten: listed } };
}

async function nameOf(text: string, task: Task): Promise<StoreName> {
  return (await storePlace(text, task)).name;
}
