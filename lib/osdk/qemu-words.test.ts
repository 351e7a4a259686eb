// The words of [qemu] are expanded as by a shell in the folder of the file. A failure of the shell is
// reported.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../core/events.ts';
import { pathOf } from '../core/paths.ts';
import { qemuWords } from './qemu-words.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const folder = await mkdtemp(join(tmpdir(), 'bloomery-words-'));
test.after(() => rm(folder, { recursive: true }));
await writeFile(join(folder, 'arguments.sh'), '#!/bin/sh\necho "-smp ${SMP:-1}"\necho "-m 8G $1"\n');
await chmod(join(folder, 'arguments.sh'), 0o755);

async function words(qemuArguments: string, env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  return await qemuWords({ folder }, { qemuArguments }, { PATH: pathOf(process.env), ...env }, context);
}

test('scripts and variables are expanded, quoted words are one, and patterns are unchanged', async () => {
  assert.equal(await words('$(./arguments.sh -S) -d cpu_reset'), ['-smp', '1', '-m', '8G', '-S', '-d', 'cpu_reset']);
  assert.equal(await words('$(./arguments.sh)', { SMP: '4' }), ['-smp', '4', '-m', '8G']);
  assert.equal(await words(`-name 'a b' -append "$X" * ?`, { X: 'c  d' }), ['-name', 'a b', '-append', 'c  d', '*', '?']);
  assert.equal(await words('    -machine q35     -smp 2 '), ['-machine', 'q35', '-smp', '2']);
  assert.equal(await words(''), []);
});

test('a text that a shell cannot read, and one that expands to nothing, are refused', async () => {
  const refusal = async (text: string): Promise<string> =>
    await words(text).then(
      () => 'expanded',
      (error: Error) => error.message.replace(folder, 'DIR'),
    );
  const what = 'Cannot expand the arguments of QEMU in "DIR/OSDK.toml"';
  assert.is(await refusal(`-m '1G`), `${what}: the shell ended with status 2`);
  assert.is(await refusal('$(./no-such-script)'), `${what}: "$(./no-such-script)" expands to nothing`);
  assert.is(await refusal('$(exit 3)'), `${what}: "$(exit 3)" expands to nothing`);
});

test.run();
