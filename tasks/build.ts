#!/usr/bin/env zx
// Builds a system: its components from Rust source through the cache, and of them a bootable image, without root.
import '../lib/cli/compile-cache.ts';

const { compilerFlags } = await import('../lib/cli/flags/compiler-flags.ts');
const { configurationFlags } = await import('../lib/cli/flags/configured-build.ts');
const { passwordFlags } = await import('../lib/cli/flags/disk-password.ts');
const { checkoutFlags, sourceFlags } = await import('../lib/cli/flags/source-flags.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/build.ts',
    words: '<system>',
    about: 'Compiles the components of a system and assembles its bootable image (out/<system>-<profile>.img) with a manifest beside it.',
    count: [1, 1],
    flags: {
      profile: { type: 'string', value: 'P', help: "the variant of the image (default: the system's own)" },
      base: { type: 'string', value: 'debian|nix', help: 'put the programs on packages of Debian (the default) or on a closure of Nix' },
      ...sourceFlags,
      out: { type: 'string', value: 'DIR', help: 'where the image and its manifest go (default: out)' },
      scheme: { type: 'string', value: 'NAME', help: 'a scheme of the OSDK.toml of a checkout (--source asterinas=DIR)' },
      ...checkoutFlags,
      live: { type: 'boolean', help: 'build the variant that runs from memory' },
      encrypt: { type: 'boolean', help: 'encrypt the RedoxFS of the image; asks for a password' },
      ...passwordFlags,
      component: { type: 'string', value: 'C', help: 'build only this component or recipe, and no image' },
      ...configurationFlags,
      'dry-run': { type: 'boolean', help: 'say what would be built, and build nothing' },
      ...compilerFlags,
    },
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
