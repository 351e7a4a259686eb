// Parts of tasks that a copy may lack.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { optionalPart, optionalParts } from './optional-parts.ts';
import { repository } from './task.ts';

const dir = await mkdtemp(join(tmpdir(), 'optional-parts-'));
test.after(() => rm(dir, { recursive: true, force: true }));

test('every part exists in the repository, and is loaded', async () => {
  for (const path of Object.values(optionalParts)) assert.ok(existsSync(join(repository, path)), path);
  const part = join(dir, optionalParts['kernel-tests']);
  await mkdir(dirname(part), { recursive: true });
  await writeFile(part, '// A part.\nexport const answer = (): number => 42;\n');
  const loaded = await optionalPart<{ answer(): number }>(dir, 'kernel-tests', 'answer', ['answer']);
  assert.is(loaded.answer(), 42);
  const bug = await optionalPart<{ ask(): number }>(dir, 'kernel-tests', 'ask', ['ask']).catch((error: unknown) => error);
  assert.match(String(bug), /does not have ask/);
});

test('a part that a copy lacks is reported with the command that adds it', async () => {
  const error = await optionalPart(dir, 'other-kernels', 'start another kernel', []).catch((failure: unknown) => failure);
  assert.ok(error instanceof Error && 'hint' in error);
  assert.is(error.message, 'Cannot start another kernel: this copy of the task does not have lib/rootfs/reference-kernel.ts');
  assert.is(error.hint, 'in a checkout of Bloomery, tasks/copy.ts TASK... FOLDER --with other-kernels adds it to a copy');
});

test.run();
