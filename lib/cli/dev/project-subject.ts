// A Cargo project in the rounds of tasks/dev.ts: compiled and published as tasks/crates.ts does it, in a process that has the compiler loaded.
import { join } from 'node:path';
import { cargoHome } from '../../crates/cargo/config-files.ts';
import { projectFolders } from '../../watch/project-folders.ts';
import { cacheDirOf } from '../task.ts';
import { compileProjects } from '../tasks/crates-task.ts';
import type { Task } from '../task.ts';
import { BuildClock, NotesOnce } from './build-clock.ts';
import type { RoundResult } from './round-result.ts';
import type { Subject } from './subject.ts';
import { WarmCache } from './warm-cache.ts';

/** `task` has the flags of tasks/crates.ts, with the folder of the project as its word. */
export function projectSubject(task: Task, more: readonly string[]): Subject {
  const { args, host, path } = task;
  const [word = '.'] = args.words;
  const dir = path(word);
  const out = path(args.text('out') ?? 'out');
  const notes = new NotesOnce();
  const warm = new WarmCache(cacheDirOf(task));
  return {
    title: word,
    async watched() {
      const folders = await projectFolders(dir, cargoHome(host.env));
      const outputs = [join(out, 'bin'), out, ...folders.map((folder) => join(folder, 'target')), cacheDirOf(task)];
      return {
        folders: [...folders, ...more],
        files: [],
        excluded: outputs.filter((folder) => folder !== dir && !folders.includes(folder)),
      };
    },
    async round(_cause, { signal, report }): Promise<RoundResult> {
      const clock = new BuildClock();
      const watched = clock.watch(notes.of(report));
      const own = { ...task, args: quietArgs(args), signal, report: watched };
      const { json } = await warm.use(watched, (cache) => compileProjects(own, cache));
      const { misses, hits } = json as { readonly misses: number; readonly hits: number };
      const { total, ...parts } = clock.parts();
      return { ok: true, built: { compiled: misses, hits, seconds: total / 1000 }, parts };
    },
    close: () => warm.close(),
  };
}

/** The same command line without what a task prints at its end. */
export function quietArgs(args: Task['args']): Task['args'] {
  return { ...args, has: (flag) => flag === 'json' || flag === 'quiet' || args.has(flag) };
}
