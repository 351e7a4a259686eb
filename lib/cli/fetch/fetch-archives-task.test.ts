// Tests tasks/fetch.ts for sources from Debian, without fetching. lib/sources/fetch.test.ts tests fetching
// itself.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { loadSystem } from '../../system/load.ts';
import { parseCommandLine } from '../command-line.ts';
import { fetchArchivesTask } from './fetch-archives-task.ts';
import { fetchFlags } from './fetch-task.ts';

const root = join(import.meta.dirname, '../../..');
const system = await loadSystem(root, 'rust-nixos');

async function refusal(...words: string[]): Promise<string> {
  const args = parseCommandLine({ command: 'x', words: '', about: '', count: [1, 9], flags: fetchFlags, examples: [] }, [
    'rust-nixos',
    ...words,
  ]);
  const task = {
    args,
    host: { cwd: root, env: {}, cacheDir: join(root, 'no-cache') },
    signal: new AbortController().signal,
    report: () => undefined,
    path: (text: string) => text,
    print: () => undefined,
    write: () => Promise.resolve(true),
  };
  const error: unknown = await fetchArchivesTask(task, system).catch((reason: unknown) => reason);
  return error instanceof Failure ? `${error.exitCode} ${error.message}` : `no failure: ${String(error)}`;
}

test('archives are fetched together, and a mirror has two addresses', async () => {
  assert.is(
    await refusal('coreutils'),
    '2 Cannot fetch "coreutils" alone: the sources of rust-nixos are archives that are fetched together',
  );
  assert.is(await refusal('--dry-run'), '2 Cannot use --dry-run: the sources of rust-nixos are archives that are fetched together');
  assert.is(await refusal('--mirror', 'nonsense'), '2 Cannot use --mirror "nonsense": it must be FROM=TO');
});

test.run();
