// Lines of a listing as a table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listingLine, listingRecord, modeText, shownName } from './listing.ts';
import type { ImageVolume } from './image-reader.ts';

const root: ImageVolume = { name: 'root', kind: 'redoxfs', offsetBytes: 0, sizeBytes: 0, volume: undefined };

test('modes are shown as ls shows them', () => {
  for (const [kind, mode, text] of [
    ['directory', 0o1777, 'drwxrwxrwt'],
    ['directory', 0o1770, 'drwxrwx--T'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2644, '-rw-r-Sr--'],
    ['symlink', 0o777, 'lrwxrwxrwx'],
    ['other', 0, '?---------'],
  ] as const)
    assert.is(modeText({ kind, mode }), text);
});

test('a line has owner, size, partition and target', () => {
  const link = { path: 'bin', kind: 'symlink', mode: 0o777, uid: 1, gid: 20, sizeBytes: 7, target: 'usr/bin' } as const;
  assert.is(listingLine(root, link, 4), 'lrwxrwxrwx      1:20    7 root/bin -> usr/bin');
  assert.is(listingLine({ ...root, name: '' }, { ...link, path: '' }, 1), 'lrwxrwxrwx      1:20 7 / -> usr/bin');
  assert.equal(listingRecord(root, link), {
    path: 'root/bin',
    kind: 'symlink',
    mode: '0777',
    uid: 1,
    gid: 20,
    bytes: 7,
    target: 'usr/bin',
  });
});

test('a device has its letter and its numbers', () => {
  const tty = { path: 'dev/tty', kind: 'other', mode: 0o620, uid: 0, gid: 5, sizeBytes: 0 } as const;
  const special = { type: 'character device', device: [5, 0] } as const;
  assert.is(listingLine(root, { ...tty, special }, 4), 'crw--w----       0:5  5,0 root/dev/tty');
  assert.is(listingLine(root, { ...tty, special: { type: 'socket' } }, 4), 'srw--w----       0:5    0 root/dev/tty');
});

test('a name with control characters is quoted for a shell, and no other name', () => {
  assert.is(shownName("it's a \\ name é \udcff"), "it's a \\ name é \udcff");
  assert.is(shownName("new\nline\t's \\"), "$'new\\nline\\t\\'s \\\\'");
  assert.is(shownName('\x1b[31m\udcff\x85'), "$'\\x1b[31m\\xff\\xc2\\x85'");
});

test.run();
