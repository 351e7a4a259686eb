// tasks/fetch.ts as users call it, without fetching. lib/sources/fetch.test.ts tests fetching itself.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../core/sh.ts';
import { fetchFlags } from './fetch-task.ts';

const root = join(import.meta.dirname, '../../..');
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

async function fetched(...words: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  return await run([process.execPath, join(root, 'tasks/fetch.ts'), ...words], { cwd: root, env });
}

test('upstream repositories that cannot be reached are a lack of the host, and no lock is written', async () => {
  const mirrors = ['https://gitlab.redox-os.org/', 'https://github.com/'].flatMap((from) => ['--mirror', `${from}=http://127.0.0.1:9/`]);
  const { exitCode, stderr } = await fetched('redox', ...mirrors);
  assert.is(exitCode, 69, stderr);
  assert.match(stderr, /Cannot resolve the .* of \w+, https:.*: its server cannot be reached/);
  assert.match(stderr, 'check the network, or name a copy with --mirror FROM=TO');
  assert.not.ok(existsSync(join(root, 'systems/redox/sources.lock')));
});

test('a source that the system does not have is named with the nearest one', async () => {
  const { exitCode, stderr } = await fetched('redox', 'kernl');
  assert.equal(
    [exitCode, /Cannot fetch "kernl": there is no source of that name[^]*did you mean kernel\?/.test(stderr)],
    [2, true],
    stderr,
  );
});

test('an unknown system and an invalid mirror are usage errors', async () => {
  assert.match((await fetched('rust-nixo')).stderr, /Cannot find system "rust-nixo"[^]*did you mean rust-nixos\?/);
  const { exitCode, stderr } = await fetched('rust-nixos', '--mirror', 'nonsense');
  assert.equal([exitCode, /Cannot use --mirror "nonsense": it must be FROM=TO/.test(stderr)], [2, true], stderr);
});

test('every flag is explained', async () => {
  const { stdout } = await fetched('--help');
  for (const flag of Object.keys(fetchFlags)) assert.match(stdout, `--${flag}`);
});

test.run();
