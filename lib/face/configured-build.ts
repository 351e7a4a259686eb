// The flags that say what is in an image, and the system that they come to: a profile of the page, or the user's own configuration.
import { cannot } from '../core/errors.ts';
import { configuredSystem, isConfigured } from '../system/configured-system.ts';
import type { ConfiguredPackages } from '../system/configured-system.ts';
import type { SourceChoice } from '../system/component.ts';
import { defaultProfile, profileOf } from '../system/system.ts';
import type { System } from '../system/system.ts';
import type { Flag } from './command-line.ts';
import type { Task } from './task.ts';

export const configurationFlags = {
  config: { type: 'string', value: 'FILE', help: 'a configuration of your own in place of a profile: users, network, packages, files' },
  size: { type: 'string', value: 'MB', help: "the size of the image (default: the configuration's)" },
} as const satisfies Record<string, Flag>;

export interface ConfiguredBuild {
  readonly system: System;
  readonly profile: string;
  /** Of a system that has configurations. */
  readonly packages?: ConfiguredPackages;
}

/** A profile that no configuration makes is the page's as it is; the flags of configurations are refused for it. */
export async function configuredBuild(task: Task, page: System, sources: SourceChoice, root: string): Promise<ConfiguredBuild> {
  const { args, path } = task;
  const [config, named] = [args.text('config'), args.text('profile')];
  if (config !== undefined && named !== undefined) {
    throw cannot('read the command line', '--config takes the place of --profile', {
      blame: 'usage',
      hint: `include = ["${named}.toml"] in the file`,
    });
  }
  const profile = named ?? defaultProfile(page);
  profileOf(page, profile);
  const sizeMiB = args.count('size', 1);
  if (config === undefined && !isConfigured(page, profile)) {
    if (sizeMiB !== undefined)
      throw cannot('use --size', `the image of ${page.name}, profile ${profile}, has one size`, { blame: 'usage' });
    return { system: page, profile };
  }
  return await configuredSystem({
    ...{ system: page, profile, sources, root, sizeMiB, recipes: new Set<string>() },
    config: config === undefined ? undefined : path(config),
  });
}

/** "left out: ion, uutils (only upstream's sources have them)"; undefined where nothing is. */
export function leftOutWords({ leftOut }: ConfiguredPackages): string | undefined {
  return leftOut.length === 0 ? undefined : `left out, because only upstream's sources have them: ${leftOut.join(', ')}`;
}
