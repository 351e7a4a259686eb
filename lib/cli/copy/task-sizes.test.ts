// How many files a copied task brings along: a limit for each, so that a new import is a decision.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importClosure } from '../../core/modules/import-closure.ts';

const root = join(import.meta.dirname, '../../..');

/** Number of files with the task itself and with type imports. Lower a limit when the closure shrinks, and raise it only with a reason. */
const most: Readonly<Record<string, number>> = {
  'test-boot.ts': 59,
  'tasks/build.ts': 262,
  'tasks/cache.ts': 32,
  'tasks/closure.ts': 36,
  'tasks/crates.ts': 98,
  'tasks/explain.ts': 24,
  'tasks/fetch.ts': 45,
  'tasks/image.ts': 41,
  'tasks/net.ts': 16,
  'tasks/run.ts': 49,
  'tasks/vm.ts': 17,
};

for (const [task, limit] of Object.entries(most)) {
  test(`${task} has at most ${limit} files with its imports`, async () => {
    const { files } = await importClosure(root, [task]);
    assert.ok(files.length <= limit, `it has ${files.length}`);
    assert.ok(files.length > limit * 0.8, `the limit can go down to ${files.length}`);
  });
}

test.run();
