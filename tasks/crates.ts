#!/usr/bin/env zx
// Compiles one or more Cargo projects. Every crate is cached by the content of its inputs.
import { startOf } from '../lib/cli/compile-cache.ts';
import type { Outcome } from '../lib/core/events.ts';
import type { ProjectCompiler } from '../lib/cli/tasks/crates-task.ts';

const { beginCompilation } = await import('../lib/crates/run/head-start.ts');
const headStart = await beginCompilation(startOf(process));
const { projectFlags } = await import('../lib/cli/flags/project-flags.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/crates.ts',
    words: '[<cargo project>]',
    about: 'Compiles a Cargo project as cargo would, one rustc per unit in parallel, with a cache shared by all checkouts.',
    count: [0, 1],
    flags: projectFlags,
    after: 'WORDS...',
    examples: [
      'npx zx tasks/crates.ts ../hexyl --release',
      'npx zx tasks/crates.ts kernel --triple x86_64-unknown-none --build-std core,alloc --profile system',
      'npx zx tasks/crates.ts ../hexyl --run-tests -- parse',
      'npx zx tasks/crates.ts --set projects.toml --profile system --out out/tools',
    ],
  },
  async (task) => {
    const { chosenProjects, compileAndPublish, outcomeOf, reportBuild, runTests, withCompiler } =
      await import('../lib/cli/tasks/crates-task.ts');
    const projects = await chosenProjects(task);
    const steps = async (compiler: ProjectCompiler): Promise<Outcome> => {
      const built = await compileAndPublish(projects, compiler);
      const report = await reportBuild(built, compiler);
      return await outcomeOf(report, await runTests(built, compiler));
    };
    return await withCompiler(task, steps, { headStart });
  },
  headStart,
);
