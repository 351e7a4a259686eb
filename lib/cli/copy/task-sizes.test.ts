// How many files a copied task brings along: a limit for each, so that a new import is a decision.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importClosure } from '../../core/modules/import-closure.ts';

const root = join(import.meta.dirname, '../../..');

/** Number of files with the task itself and with type imports. Lower a limit when the closure shrinks, and raise it only with a reason. */
const most: Readonly<Record<string, number>> = {
  'test-boot.ts': 57,
  'tasks/build.ts': 255,
  'tasks/cache.ts': 29,
  'tasks/closure.ts': 34,
  'tasks/crates.ts': 90,
  'tasks/explain.ts': 21,
  'tasks/fetch.ts': 43,
  'tasks/image.ts': 39,
  'tasks/net.ts': 14,
  'tasks/run.ts': 47,
  'tasks/vm.ts': 15,
};

for (const [task, limit] of Object.entries(most)) {
  test(`${task} has at most ${limit} files with its imports`, async () => {
    const { files } = await importClosure(root, [task]);
    assert.ok(files.length <= limit, `it has ${files.length}`);
    assert.ok(files.length > limit * 0.8, `the limit can go down to ${files.length}`);
  });
}

test.run();
