// Builds the image of a system for a task that needs it, if it is missing, with the same steps as
// tasks/build.ts.
import { assembleSystem } from '../../assemble/build-system.ts';
import { compileSystem } from '../../assemble/compile-system.ts';
import { planSystem } from '../../assemble/plan-system.ts';
import { parseCommandLine } from '../command-line.ts';
import { buildFlags } from '../flags/build-flags.ts';
import type { Task } from '../task.ts';
import { chosenBuild, withCompiler } from '../tasks/build-task.ts';

/** `words`: the arguments for tasks/build.ts. */
export async function buildMissingImage(task: Task, words: readonly string[]): Promise<void> {
  const usage = { command: 'npx zx tasks/build.ts', words: '<system>', about: '', count: [1, 1], flags: buildFlags, examples: [] } as const;
  const own = { ...task, args: parseCommandLine(usage, words) };
  const build = await chosenBuild(own);
  await withCompiler(own, build, async ({ compiler, context }) => {
    const plan = await planSystem(build.request, context);
    await assembleSystem(plan, await compileSystem(plan, compiler, context), compiler, context);
    return {};
  });
}
