#!/usr/bin/env zx
// Builds a system: compiles its components from Rust source through the cache, and assembles a bootable
// image, without root.
import '../lib/cli/compile-cache.ts';

const { buildFlags } = await import('../lib/cli/flags/build-flags.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/build.ts',
    words: '<system>',
    about: 'Compiles the components of a system and assembles its bootable image (out/<system>-<profile>.img) with a manifest next to it.',
    count: [1, 1],
    flags: buildFlags,
    examples: [
      'npx zx tasks/build.ts redox',
      'npx zx tasks/build.ts redox --source kernel=../kernel   # your own checkout of one component',
      'npx zx tasks/build.ts rust-nixos --base nix              # a closure of NixOS instead of packages of Debian',
      'npx zx tasks/build.ts redox --dry-run',
    ],
  },
  async (task) => {
    const { chosenBuild, printPlan, reportImage, reportPart, withCompiler } = await import('../lib/cli/tasks/build-task.ts');
    const { planSystem } = await import('../lib/assemble/plan-system.ts');
    const build = await chosenBuild(task);
    if (task.args.has('dry-run')) return printPlan(task, build, await planSystem(build.request));
    return await withCompiler(task, build, async (tools) => {
      const { compiler, context } = tools;
      const part = task.args.text('component');
      if (part !== undefined) {
        const { buildComponent } = await import('../lib/assemble/build-component.ts');
        return await reportPart(task, build, await buildComponent({ ...build.request, compile: compiler }, part, context), tools);
      }
      const { assembleSystem } = await import('../lib/assemble/build-system.ts');
      const { compileSystem } = await import('../lib/assemble/compile-system.ts');
      const plan = await planSystem(build.request, context);
      const compiled = await compileSystem(plan, compiler, context);
      return await reportImage(task, build, await assembleSystem(plan, compiled, compiler, context), tools);
    });
  },
);
