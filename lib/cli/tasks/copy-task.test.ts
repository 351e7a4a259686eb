// The output of tasks/copy.ts, and errors on its command line.
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../../dev/testing/puppet-task.ts';
import type { Outcome } from '../../core/events.ts';
import { copy, copyFlags } from './copy-task.ts';

const dir = await mkdtemp(join(tmpdir(), 'copy-task-'));
test.after(() => rm(dir, { recursive: true, force: true }));

async function copied(...words: readonly string[]): Promise<{ readonly lines: readonly string[]; readonly outcome: Outcome }> {
  const { task, lines } = puppetTask(copyFlags, words, dir);
  return { outcome: await copy(task), lines };
}

test('a task of this repository is copied, checked, and updated around what the user changed', async () => {
  const made = await copied('tasks/net.ts', 'mine');
  assert.equal(made.lines, ['npx zx bloomery/tasks/net.ts']);
  assert.equal(await copied('--check', 'mine'), { lines: [], outcome: { exitCode: 0, json: { changes: [] } } });
  await appendFile(join(dir, 'mine/bloomery/lib/core/errors.ts'), '// mine\n');
  const checked = await copied('--check', 'mine');
  assert.equal([checked.lines, checked.outcome.exitCode], [['changed here: bloomery/lib/core/errors.ts'], 1]);
  assert.equal((await copied('--update', 'mine')).lines, ['left alone, changed here: bloomery/lib/core/errors.ts']);
});

test('an error on the command line is a sentence', async () => {
  const why = async (...words: readonly string[]): Promise<string> =>
    await copied(...words).then(
      () => 'copied',
      (error: Error) => error.message,
    );
  assert.is(
    await why('--check', '--update', 'mine'),
    'Cannot read the command line: --check and --update take one FOLDER and nothing else',
  );
  assert.is(await why('mine'), 'Cannot copy tasks: a task and a folder are needed, and only "mine" is named');
  assert.is(await why('nte.ts', 'mine'), 'Cannot copy the task "nte.ts": there is no such task');
});

test.run();
