// zx's `$` for steps of a task that are commands. Rooms of lib/ start programs with lib/core/sh.ts, which
// needs no shell.
import type { Shell } from 'zx/core';
import type { Task } from './task.ts';

/**
 * Returns zx's `$` for this task. Commands run in the folder and with the environment of the user, in their
 * own process group. They print nothing by themselves, and end when the task is interrupted. A command that
 * fails throws, as in zx.
 *
 * const $ = await shell(task);
 * const commit = await $`git -C ${folder} rev-parse HEAD`;
 */
export async function shell({ host, signal }: Pick<Task, 'host' | 'signal'>): Promise<Shell> {
  const { $ } = await import('zx/core'); // few tasks have such a step
  return $({ cwd: host.cwd, env: { ...host.env }, signal, detached: true, quiet: true });
}
