// Checksums of vendored packages on real files.
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { verifyVendored } from './source-view.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';

/** The sentence of the refusal; undefined if the package passes. */
async function refusal({ folder, reopen }: Scratch): Promise<string | undefined> {
  try {
    await verifyVendored(join(folder, 'v'), 'v 1.0.0', await reopen());
    return undefined;
  } catch (error) {
    assert.instance(error, Failure);
    return (error as Failure).message;
  }
}

test('a file that was edited or removed is named; other files, permissions and packages without a list pass', async () => {
  await withScratch(async (scratch) => {
    const { folder, write } = scratch;
    await write('v/src/lib.rs', 'text');
    assert.is(await refusal(scratch), undefined);
    const files = { 'src/lib.rs': digestBytes('text'), 'run.sh': digestBytes('#!/bin/sh') };
    await write('v/run.sh', '#!/bin/sh');
    await chmod(join(folder, 'v/run.sh'), 0o755);
    await write('v/.cargo-checksum.json', JSON.stringify({ files, package: null }));
    await write('v/unlisted', 'x');
    assert.is(await refusal(scratch), undefined);
    await write('v/src/lib.rs', 'other');
    assert.is(await refusal(scratch), `Cannot compile v 1.0.0: "${join(folder, 'v/src/lib.rs')}" was edited, and is vendored`);
    await write('v/src/lib.rs', 'text');
    await rm(join(folder, 'v/run.sh'));
    assert.is(await refusal(scratch), `Cannot compile v 1.0.0: "${join(folder, 'v/run.sh')}" is missing, and is vendored`);
  });
});

test.run();
