// The work of tasks/fidelity.ts: compares the calls of compilers and build scripts with those of cargo for
// each project and profile, and prints a table and the differences.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareWithCargo } from '../../crates/fidelity/differential.ts';
import type { Comparison } from '../../crates/fidelity/differential.ts';
import { projectFlags } from '../../cli/flags/project-flags.ts';
import { chosenProjects } from '../../cli/tasks/crates-task.ts';
import { compilerOptions } from '../../cli/flags/compiler-flags.ts';
import type { Flag } from '../../cli/command-line.ts';
import type { Task } from '../../cli/task.ts';
import type { Outcome } from '../../core/events.ts';

const { out, cache, 'no-sandbox': noSandbox, 'message-format': format, ...others } = projectFlags;
const { 'no-run': noRun, doc, 'per-test': perTest, 'no-fail-fast': noFailFast, rerun, junit, ...comparisonFlags } = others;

/** Flags of a project and its toolchain. A comparison has its own cache, which is removed. */
export const fidelityFlags: Readonly<Record<string, Flag>> = comparisonFlags;

export async function compareProjects(task: Task): Promise<Outcome> {
  const { args, signal } = task;
  const chosen = args.has('release') || args.text('profile') !== undefined;
  const { sandbox, ...settings } = compilerOptions(task);
  const dir = await mkdtemp(join(tmpdir(), 'bloomery-fidelity-'));
  const rows: { project: string; profile: string; units: number; differences: number }[] = [];
  try {
    for (const project of await chosenProjects(task)) {
      for (const profile of chosen ? [project.profile] : ['dev', 'release']) {
        // The messages of the compilers are not shown.
        const context = { signal, report: () => {} };
        const found = await compareWithCargo({ ...project, profile }, settings, { dir, pid: process.pid }, context);
        const { units, differences } = found;
        rows.push({ project: project.name, profile, units, differences: differences.length });
        if (args.has('json')) continue;
        task.print(`${project.name.padEnd(20)} ${profile.padEnd(10)} ${units} units, ${differences.length} differences`);
        for (const line of linesOf(found)) task.print(line);
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  const same = rows.every(({ differences }) => differences === 0);
  return { exitCode: same ? 0 : 1, json: { projects: rows } };
}

function linesOf({ differences }: Comparison): readonly string[] {
  return differences.flatMap(({ unit, onlyCargo, onlyOurs }) => [
    `  ${unit}`,
    ...onlyCargo.map((line) => `    cargo  ${line}`),
    ...onlyOurs.map((line) => `    ours   ${line}`),
  ]);
}
