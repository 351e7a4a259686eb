// A Cargo project in the rounds of tasks/dev.ts. It is compiled and published as in tasks/crates.ts, in a
// process that keeps the compiler loaded.
import { join } from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { exitCodes } from '../../core/errors.ts';
import type { Outcome, Report } from '../../core/events.ts';
import { parseJsonFields } from '../../core/fields.ts';
import type { Fields } from '../../core/fields.ts';
import { cargoHome } from '../../crates/cargo/config-files.ts';
import { projectFolders } from '../../watch/project-folders.ts';
import { cacheDirOf } from '../task.ts';
import { chosenProjects, compileAndPublish, outcomeOf, reportBuild, runTests, withCompiler } from '../tasks/crates-task.ts';
import type { ProjectCompiler } from '../tasks/crates-task.ts';
import type { Task } from '../task.ts';
import { BuildClock, NotesOnce } from './build-clock.ts';
import type { RoundResult } from './round-result.ts';
import type { Subject } from './subject.ts';
import { WarmCache } from './warm-cache.ts';

/** `task` has the flags of tasks/crates.ts, and the folder of the project as its argument. */
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
      const { json, exitCode = exitCodes.done } = await warm.use(watched, (cache) => build(own, cache));
      const done = parseJsonFields(JSON.stringify(json ?? null), 'the result of the compilation');
      const tests = args.has('run-tests') ? testsOf(done, report) : undefined;
      const { total, ...parts } = clock.parts();
      const built = { compiled: done.requiredCount('misses', 1e9), hits: done.requiredCount('hits', 1e9), seconds: total / 1000 };
      return { ok: exitCode === exitCodes.done, built, ...(tests && { tests }), parts };
    },
    close: () => warm.close(),
  };
}

/** Does what tasks/crates.ts does, with a cache that stays open. */
async function build(task: Task, cache: Cache): Promise<Outcome> {
  const projects = await chosenProjects(task);
  const work = async (compiler: ProjectCompiler): Promise<Outcome> => {
    const built = await compileAndPublish(projects, compiler);
    const report = await reportBuild(built, compiler);
    return await outcomeOf(report, await runTests(built, compiler));
  };
  return await withCompiler(task, work, { cache });
}

/** Counts the tests of a round, and reports the output of failed ones. */
function testsOf(done: Fields, report: Report): NonNullable<RoundResult['tests']> {
  for (const program of done.tables('programs')) {
    for (const one of program.tables('tests')) {
      if (one.text('result') !== 'failed') continue;
      const output = one.text('output')?.trim();
      report({ kind: 'note', text: `${one.requiredText('name')} failed${output ? `\n${output}` : ''}` });
    }
  }
  const count = (name: string): number => done.requiredCount(name, 1e9);
  return { passed: count('passed'), failed: count('failed'), fromCache: count('fromCache') };
}

/** Returns the same command line without the flags for output at the end of a task. */
export function quietArgs(args: Task['args']): Task['args'] {
  return { ...args, has: (flag) => flag === 'json' || flag === 'quiet' || args.has(flag) };
}
