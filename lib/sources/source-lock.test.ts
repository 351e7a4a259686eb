// Locks as text: written and read back, merged, and refused where they could lead elsewhere.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { archivesFor, mergeArchives, readLock, writeLock } from './source-lock.ts';
import type { LockedArchive } from './source-lock.ts';

const dir = mkdtempSync(join(tmpdir(), 'lock-test-'));
test.after(() => rmSync(dir, { recursive: true }));

const archive = (name: string, uses: readonly string[], digit = 'a'): LockedArchive => ({
  name,
  version: '1:2.0-1+b2',
  path: `pool/main/${name}_2.0-1+b2_amd64.deb`,
  sizeBytes: 10,
  sha256: digit.repeat(64),
  uses,
});

test('a lock has a line for each archive and is read back as it was', async () => {
  const lock = mergeArchives([archive('b', ['crates']), archive('a', ['base x']), archive('b', ['base x'])]);
  await writeLock(join(dir, 'sources.lock'), lock);
  const text = readFileSync(join(dir, 'sources.lock'), 'utf8');
  assert.is(text.split('\n').filter((line) => line.includes('pool/')).length, 2);
  assert.equal(await readLock(join(dir, 'sources.lock')), { version: 1, archives: lock.archives });
  assert.equal(
    archivesFor(lock, 'base x').map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(readdirSync(dir), ['sources.lock']);
});

test('a missing lock is undefined', async () => {
  assert.is(await readLock(join(dir, 'none')), undefined);
});

test('one archive with two digests is refused', () => {
  assert.throws(() => mergeArchives([archive('a', ['x']), archive('a', ['y'], 'b')]), /two digests/);
});

test('an invalid lock, and a path that leads elsewhere, are refused', async () => {
  const good = archive('a', ['x']);
  for (const text of [
    'nonsense',
    '{"version":2,"archives":[]}',
    ...[{ path: '../../etc/passwd' }, { path: '/etc/passwd' }, { path: 'pool/../../x' }, { sha256: 'abc' }, { sizeBytes: 1.5 }].map(
      (wrong) => JSON.stringify({ version: 1, archives: [{ ...good, ...wrong }] }),
    ),
  ]) {
    writeFileSync(join(dir, 'bad.lock'), text);
    const error = await readLock(join(dir, 'bad.lock')).catch((thrown: unknown) => thrown);
    assert.match(String(error), text === 'nonsense' ? 'JSON' : /^Failure: Cannot read .*it is not a lock of this version/, text);
  }
});

test.run();
