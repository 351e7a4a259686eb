// Runs uvu test files, each in a separate process so that they cannot affect each other, and adds up their
// results.
import { globby } from 'globby';
import pLimit from 'p-limit';
import { byCodeUnit } from '../../core/digest.ts';
import type { Context } from '../../core/events.ts';
import { run } from '../../core/sh.ts';
import { formatMs } from '../../core/sizes.ts';
import { slowTests } from './slow-tests.ts';

export interface TestRun {
  readonly root: string;
  /** Only files whose path contains one of these. An empty list selects all. */
  readonly words: readonly string[];
  /** Whether to leave out slow files. */
  readonly fast?: boolean;
  readonly jobs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly print: (line: string) => void;
}

const fileTimeoutMs = 15 * 60_000;

/**
 * A file that crashes, hangs or reports no test counts as one failure. A file that skips all of its tests
 * prints the reason, and is not counted.
 */
export async function runTests(tests: TestRun, { signal }: Context): Promise<{ passed: number; failed: number }> {
  const all = (await globby('lib/**/*.test.ts', { cwd: tests.root })).sort(byCodeUnit);
  const files = all.filter(
    (file) => (tests.words.length === 0 || tests.words.some((word) => file.includes(word))) && !(tests.fast && slowTests.has(file)),
  );
  const limit = pLimit(tests.jobs);
  let passed = 0;
  let failed = 0;
  await Promise.all(
    files.map((file) =>
      limit(async () => {
        const result = await run(['node', file], {
          cwd: tests.root,
          env: { ...tests.env, FORCE_COLOR: '0' },
          signal,
          timeoutMs: fileTimeoutMs,
        });
        const counts = uvuCounts(result.stdout);
        const broken = result.exitCode !== 0 && counts.failed === 0;
        const ran = counts.passed + counts.failed;
        const leftOut = ran === 0 && counts.skipped > 0 && !broken;
        passed += counts.passed;
        failed += counts.failed + (broken || (ran === 0 && !leftOut) ? 1 : 0);
        const good = counts.failed === 0 && !broken && (ran > 0 || leftOut);
        const word = leftOut ? 'skip' : good ? 'ok  ' : 'FAIL';
        tests.print(`${word} ${file}: ${counts.passed} of ${ran} (${formatMs(result.durationMs)})`);
        if (leftOut) tests.print(result.stderr.trimEnd());
        if (good) return;
        const remark = result.timedOut ? `stopped after ${formatMs(fileTimeoutMs)}\n` : ran === 0 ? 'no test ran\n' : '';
        tests.print(`${result.stdout}${result.stderr}${remark}`);
      }),
    ),
  );
  return { passed, failed };
}

/** uvu's output ends with "Total: 5", "Passed: 4". */
export function uvuCounts(stdout: string): { passed: number; failed: number; skipped: number } {
  const total = Number(/^\s*Total:\s+(\d+)/m.exec(stdout)?.[1] ?? 0);
  const passed = Number(/^\s*Passed:\s+(\d+)/m.exec(stdout)?.[1] ?? 0);
  const skipped = Number(/^\s*Skipped:\s+(\d+)/m.exec(stdout)?.[1] ?? 0);
  return { passed, failed: total - passed, skipped };
}
