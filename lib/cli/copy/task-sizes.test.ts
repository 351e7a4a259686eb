// How many files a copied task brings along: a limit for each, so that a new import is a decision.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importClosure } from '../../core/modules/import-closure.ts';

const root = join(import.meta.dirname, '../../..');

/** Number of files with the task itself and with type imports. Lower a limit when the closure shrinks, and raise it only with a reason. */
const most: Readonly<Record<string, number>> = {
  'test-boot.ts': 58,
  'tasks/build.ts': 252,
  'tasks/cache.ts': 29,
  'tasks/closure.ts': 35,
  'tasks/crates.ts': 87,
  'tasks/explain.ts': 21,
  'tasks/fetch.ts': 44,
  'tasks/image.ts': 40,
  'tasks/net.ts': 15,
  'tasks/run.ts': 48,
  'tasks/vm.ts': 16,
};

for (const [task, limit] of Object.entries(most)) {
  test(`${task} has at most ${limit} files with its imports`, async () => {
    const { files } = await importClosure(root, [task]);
    assert.ok(files.length <= limit, `it has ${files.length}`);
    assert.ok(files.length > limit * 0.8, `the limit can go down to ${files.length}`);
  });
}

test.run();
