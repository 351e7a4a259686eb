// tasks/fetch.ts as a person types it, as far as nothing is fetched; fetching itself is lib/system/fetch.test.ts.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../core/sh.ts';
import { fetchFlags } from './fetch-task.ts';

const root = join(import.meta.dirname, '../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

async function fetched(...words: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return await run([process.execPath, join(root, 'tasks/fetch.ts'), ...words], { cwd: root, env });
}

test('a system whose page names nothing to fetch is refused', async () => {
  const { exitCode, stderr } = await fetched('redox');
  assert.equal(
    [exitCode, stderr.includes('Cannot fetch the sources of redox: its page names none that can be fetched')],
    [2, true],
    stderr,
  );
});

test('an unknown system and a mirror that is no pair are mistakes of the command line', async () => {
  assert.match((await fetched('rust-nixo')).stderr, /Cannot find system "rust-nixo"[^]*did you mean rust-nixos\?/);
  const { exitCode, stderr } = await fetched('rust-nixos', '--mirror', 'nonsense');
  assert.equal([exitCode, /Cannot use --mirror "nonsense": it must be FROM=TO/.test(stderr)], [2, true], stderr);
});

test('every flag is explained', async () => {
  const { stdout } = await fetched('--help');
  for (const flag of Object.keys(fetchFlags)) assert.match(stdout, `--${flag}`);
});

test.run();
