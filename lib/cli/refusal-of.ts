// Used by tests only: what a task answers to words that it refuses before it starts work.
import { parseCommandLine } from './command-line.ts';
import type { Usage } from './command-line.ts';
import type { Task } from './task.ts';

/** Runs the work of a task in a folder and returns the message of its refusal. A task that refuses nothing is an Error. */
export async function refusalOf(
  work: (task: Task, root: string) => Promise<unknown>,
  root: string,
  usage: Pick<Usage, 'command' | 'count' | 'flags'>,
  argv: readonly string[],
): Promise<string> {
  const task: Task = {
    args: parseCommandLine({ words: '', about: '', examples: [], ...usage }, argv),
    host: { cwd: root, env: {}, cacheDir: '/nowhere' },
    path: (text) => text,
    print: () => {},
    write: async () => true,
    report: () => {},
    signal: new AbortController().signal,
  };
  const refused = await work(task, root).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (refused === undefined) throw new Error(`"${argv.join(' ')}" is not refused`);
  return refused;
}
