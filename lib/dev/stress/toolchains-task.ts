// The work of tasks/stress-toolchains.ts: tests the crate compiler with each supported toolchain and prints a
// table.
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Flag } from '../../cli/command-line.ts';
import { cacheDirOf } from '../../cli/task.ts';
import type { Task } from '../../cli/task.ts';
import type { Json } from '../../core/digest.ts';
import { exitCodes } from '../../core/errors.ts';
import type { Outcome } from '../../core/events.ts';
import { removeTree } from '../../core/paths.ts';
import { leastRelease } from '../../crates/toolchain/choice.ts';
import { compareReleases } from '../../crates/toolchain/toolchain.ts';
import { promisedToolchains, testedToolchain } from './tested-toolchains.ts';
import { tryToolchain } from './toolchain-trial.ts';
import type { Count, Trial } from './toolchain-trial.ts';

export const toolchainsFlags: Readonly<Record<string, Flag>> = {
  cache: {
    type: 'string',
    value: 'DIR',
    help: 'the cache in which toolchains of Debian are kept (default BLOOMERY_CACHE, or ~/.cache/bloomery)',
  },
  json: { type: 'boolean', help: 'print one JSON object as the last line' },
};

/** A row of the table: a tested toolchain, or the reason why it was not tested. */
export type ToolchainRow = { readonly name: string } & ({ readonly release: string; readonly trial: Trial } | { readonly why: string });

/**
 * Tests the toolchains on the command line, or the supported ones. The exit code is 1 after a fault, and 69
 * if a toolchain could not be obtained.
 */
export async function stressToolchains(task: Task, root: string): Promise<Outcome> {
  const { args, host, print, report, signal } = task;
  const names = args.words.length > 0 ? args.words : promisedToolchains;
  const cacheDir = cacheDirOf(task);
  const rows: ToolchainRow[] = [];
  const top = await mkdtemp(join(host.env['TMPDIR'] ?? tmpdir(), 'bloomery-toolchains-'));
  try {
    for (const [index, name] of names.entries()) {
      const found = await testedToolchain(name, { env: host.env, cacheDir, cwd: host.cwd }, { report, signal });
      if ('why' in found) {
        rows.push(found);
        continue;
      }
      const scratch = join(top, String(index));
      await mkdir(scratch);
      const place = { root, scratch, env: host.env, cacheDir: host.cacheDir, node: process.execPath, pid: process.pid };
      const trial = await tryToolchain(found.toolchain, place, { report, signal });
      rows.push({ name, release: found.toolchain.release, trial });
      for (const fault of trial.faults) report({ kind: 'note', text: `fault with ${name}: ${fault}` });
      removeTree(scratch);
    }
  } finally {
    removeTree(top);
  }
  for (const line of [...tableOf(rows), oldestOf(rows)]) print(line);
  return { exitCode: exitCodeOf(rows), json: { rows: rows.map(jsonOf), leastRelease } };
}

/** Returns the lines of the table. Faults and untested parts are below the row of their toolchain. */
export function tableOf(rows: readonly ToolchainRow[]): readonly string[] {
  const cells = rows.map((row) => ('why' in row ? [row.name, 'untried'] : [row.name, ...cellsOf(row.release, row.trial)]));
  const all = [['toolchain', 'cargo', 'rustc', 'tests', 'histories', 'calls'], ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const lines = all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const [title = '', ...others] = lines;
  return [title, ...rows.flatMap((row, index) => [others[index] ?? '', ...remarksOf(row).map((remark) => `  ${remark}`)])];
}

function cellsOf(release: string, { cargo, tests, histories, calls }: Trial): readonly string[] {
  return [
    cargo.split(' ')[0] ?? cargo,
    release,
    said(tests, 'passed', 'failed'),
    said(histories, 'same', 'differ'),
    said(calls, 'same', 'differ'),
  ];
}

function said({ good, bad }: Count, well: string, badly: string): string {
  return bad === 0 ? `${good} ${well}` : `${good} ${well}, ${bad} ${badly}`;
}

function remarksOf(row: ToolchainRow): readonly string[] {
  return 'why' in row ? [row.why] : [...row.trial.faults, ...row.trial.untried.map((what) => `untried: ${what}`)];
}

/** Returns a sentence about whether the oldest toolchain of the table confirms the lowest supported release. */
export function oldestOf(rows: readonly ToolchainRow[]): string {
  const oldest = oldestRelease(rows);
  if (oldest === undefined) return 'no toolchain was tried';
  const lowest = `the lowest supported release is ${leastRelease}`;
  return compareReleases(oldest, leastRelease) === 0 ? `${lowest}, and was tried` : `${lowest}, and the oldest that was tried is ${oldest}`;
}

function oldestRelease(rows: readonly ToolchainRow[]): string | undefined {
  return rows.flatMap((row) => ('why' in row ? [] : [row.release])).sort(compareReleases)[0];
}

function exitCodeOf(rows: readonly ToolchainRow[]): number {
  if (rows.some((row) => !('why' in row) && row.trial.faults.length > 0)) return exitCodes.failed;
  return rows.some((row) => 'why' in row) ? exitCodes.host : exitCodes.done;
}

function jsonOf(row: ToolchainRow): Json {
  if ('why' in row) return { toolchain: row.name, untried: row.why };
  const { cargo, tests, histories, calls, faults, untried } = row.trial;
  const counts = { tests: { ...tests }, histories: { ...histories }, calls: { ...calls } };
  return { toolchain: row.name, cargo, rustc: row.release, ...counts, faults: [...faults], untriedParts: [...untried] };
}
