// The folders of a checkout, found from the program that is generated below it.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkoutOf, ownFolder } from './checkout-folder.ts';

const dir = await mkdtemp(join(tmpdir(), 'checkout-folder-'));
test.after(() => rm(dir, { recursive: true, force: true }));

test('the checkout is above the generated program, and the repository above the checkout', async () => {
  const checkout = join(dir, 'repository/kernel');
  const program = join(checkout, 'target/osdk/asterinas-run-base');
  await mkdir(program, { recursive: true });
  assert.is(checkoutOf(program), checkout);
  assert.is(checkoutOf(checkout), checkout);
  assert.is(ownFolder(program), checkout, 'there is no repository');
  await mkdir(join(dir, 'repository/.git'));
  assert.is(ownFolder(program), join(dir, 'repository'));
});

test.run();
