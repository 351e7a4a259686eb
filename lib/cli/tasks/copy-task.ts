// The work of tasks/copy.ts: copies tasks into another repository, prints what changed in a copy, and updates
// it.
import { relative } from 'node:path';
import { plural } from '../../core/sizes.ts';
import type { Outcome } from '../../core/events.ts';
import type { Flag } from '../command-line.ts';
import { cannot } from '../../core/errors.ts';
import { optionalParts } from '../optional-parts.ts';
import { checkCopy, copyName, copyTasks, updateCopy } from '../copy/copy-tasks.ts';
import { repository } from '../task.ts';
import type { Task } from '../task.ts';

export const copyFlags = {
  example: { type: 'string', value: 'NAME', multiple: true, help: 'copy an example too: hello is the smallest system' },
  with: {
    type: 'string',
    value: 'PART',
    multiple: true,
    help: `copy an optional part too: ${Object.keys(optionalParts).join(', ')} (docs/copying-tasks.md)`,
  },
  check: { type: 'boolean', help: 'list the files of the copy in FOLDER that were changed, there or here; exit 1 if there are any' },
  update: { type: 'boolean', help: 'copy newer files into FOLDER, except those that were changed there' },
  json: { type: 'boolean', help: 'print { entries, files, lines, packages }; with --check and --update { changes }' },
} as const satisfies Record<string, Flag>;

export async function copy(task: Task): Promise<Outcome> {
  const { args, path } = task;
  const [check, update] = [args.has('check'), args.has('update')];
  const word = args.words.at(-1) ?? '';
  const folder = path(word);
  if (check || update) {
    const extra = (check && update) || args.words.length !== 1 || [...args.list('example'), ...args.list('with')].length > 0;
    if (extra) throw cannot('read the command line', '--check and --update take one FOLDER and nothing else', { blame: 'usage' });
    return check ? await reportChanges(task, folder) : await reportUpdate(task, folder);
  }
  const tasks = args.words.slice(0, -1);
  const example = 'npx zx tasks/copy.ts test-boot.ts ../my-kernel';
  if (tasks.length === 0)
    throw cannot('copy tasks', `a task and a folder are needed, and only "${word}" is named`, { blame: 'usage', hint: example });
  const copied = await copyTasks({ root: repository, folder, tasks, examples: args.list('example'), parts: args.list('with') });
  const { entries, files, lines, packages, otherVersions, leftAlone } = copied;
  say(task, `${plural(files, 'file')} with ${lines} lines are in ${shown(task, folder)}/${copyName}`);
  if (packages.length > 0) say(task, `package.json got ${packages.join(', ')}: run npm install there`);
  if (otherVersions.length > 0) say(task, `package.json has another version of ${otherVersions.join(', ')}, which was left alone`);
  for (const { path, state } of leftAlone) say(task, `left alone, ${state}: ${copyName}/${path}`);
  if (!args.has('json')) for (const entry of Object.values(entries)) task.print(`npx zx ${entry}`);
  return { json: { entries: { ...entries }, files, lines, packages: [...packages] } };
}

async function reportChanges(task: Task, folder: string): Promise<Outcome> {
  const changes = await checkCopy(repository, folder);
  if (!task.args.has('json')) for (const { path, state } of changes) task.print(`${state}: ${copyName}/${path}`);
  if (changes.length === 0) say(task, 'the copy is as it was made, and nothing is newer here');
  return { exitCode: changes.length > 0 ? 1 : 0, json: { changes: changes.map(({ path, state }) => ({ path, state })) } };
}

async function reportUpdate(task: Task, folder: string): Promise<Outcome> {
  const changes = await updateCopy(repository, folder);
  const left = changes.filter(({ taken }) => !taken);
  say(task, `${plural(changes.length - left.length, 'file')} taken`);
  if (!task.args.has('json')) for (const { path, state } of left) task.print(`left alone, ${state}: ${copyName}/${path}`);
  return { json: { changes: changes.map(({ path, state, taken }) => ({ path, state, taken })) } };
}

function say({ report, args }: Task, text: string): void {
  if (!args.has('json')) report({ kind: 'note', text });
}

function shown({ host }: Task, folder: string): string {
  return relative(host.cwd, folder) || '.';
}
