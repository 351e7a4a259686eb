// Sizes and times as people read them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatBytes, formatMs, GiB, KiB, MiB, plural, roundUp } from './sizes.ts';

test('bytes are written in the largest binary unit that has at least one', () => {
  const said = [0, 1, 2, 1023, KiB, 1536, 100 * KiB, 512 * MiB, 3.4 * GiB].map(formatBytes);
  assert.equal(said, ['0 bytes', '1 byte', '2 bytes', '1023 bytes', '1 KiB', '1.5 KiB', '100 KiB', '512 MiB', '3.4 GiB']);
});

test('times never show sixty seconds', () => {
  assert.equal([0, 840, 12_300, 59_949, 59_950, 60_000, 125_000].map(formatMs), [
    '0.0 s',
    '0.8 s',
    '12.3 s',
    '59.9 s',
    '1 min 0 s',
    '1 min 0 s',
    '2 min 5 s',
  ]);
});

test('a count agrees with its noun', () => {
  assert.equal([plural(1, 'file'), plural(0, 'file'), plural(2, 'entry', 'entries')], ['1 file', '0 files', '2 entries']);
});

test('rounding up reaches the next multiple and keeps exact ones', () => {
  assert.equal([roundUp(0, 512), roundUp(1, 512), roundUp(512, 512), roundUp(513, 512)], [0, 512, 512, 1024]);
});

test.run();
