// Everything that a cache writes, on a full disk: the error names the cause, no partial file is used later,
// and the cache works again when there is space.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow } from '../dev/testing/scratch.ts';
import { asRoot, withSmallDisk } from '../dev/testing/small-disk.ts';
import { digestBytes } from '../core/digest.ts';
import type { Json } from '../core/digest.ts';
import { errnoOf } from '../core/errors.ts';
import { openCache } from './cache.ts';

const nothing = (): void => undefined;
const isText = (value: Json): value is string => typeof value === 'string';

/** Uses all space except for the last, unfinished page of a file. */
const fill = (dir: string): Promise<void> => writeFile(join(dir, 'filler'), Buffer.alloc(20_000_000)).catch(nothing);

test('writing records, blobs and digests fails on a full disk, and earlier data are intact', async () => {
  await asRoot(import.meta.filename, () =>
    withSmallDisk(async (dir) => {
      const at = join(dir, 'cache');
      const cache = await openCache(at, process.pid, nothing);
      const [records, key, blob] = [await cache.records('plans', isText), digestBytes('key'), await cache.content.putBytes('blob')];
      await records.put(key, 'first');
      const source = join(dir, 'source');
      await writeFile(source, 'text');
      await fill(dir);
      const long = 'x'.repeat(100_000);
      assert.is(errnoOf(await records.put(key, long).catch((error: unknown) => error)), 'ENOSPC');
      assert.is(errnoOf(await cache.content.putBytes(long).catch((error: unknown) => error)), 'ENOSPC');
      assert.is(await records.get(key), 'first');
      assert.ok(await cache.content.holds(blob));

      await rm(join(dir, 'filler'));
      await cache.digests.file(source);
      await fill(dir);
      await cache.close().catch((error: unknown) => assert.is(errnoOf(error), 'ENOSPC'));
      assert.equal(await filesBelow(join(cache.dir, 'tmp')), [], 'unfinished files went with the process');

      await rm(join(dir, 'filler'));
      const again = await openCache(at, process.pid, nothing);
      const reopened = await again.records('plans', isText);
      assert.is(await reopened.get(key), 'first');
      await reopened.put(key, long);
      assert.is(await reopened.get(key), long);
      assert.ok(await again.content.holds(blob));
      await again.close();
    }),
  );
});

test.run();
