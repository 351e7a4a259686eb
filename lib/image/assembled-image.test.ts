// What is believed of an image that an earlier run assembled.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../core/digest.ts';
import { isAssembledImage } from './assembled-image.ts';

test('a record is believed if it has all fields of an image and of its partitions', () => {
  const partition = { name: 'p', typeGuid: 't', guid: 'g', startLba: 34, sizeBytes: 512, fileSystem: 'fat', fileSystemId: '1' };
  const image = { bytes: 1, sha256: digestBytes(''), partitions: [{ ...partition, encrypted: true }, partition] };
  const read = (value: object): unknown => JSON.parse(JSON.stringify(value));
  assert.ok(isAssembledImage(read(image)));
  assert.ok(isAssembledImage(read({ ...image, diskGuid: 'd', partitions: [] })));
  for (const wrong of [{ bytes: '1' }, { sha256: 'x' }, { diskGuid: 1 }, { partitions: {} }, { partitions: [{ ...partition, guid: 1 }] }]) {
    assert.not(isAssembledImage(read({ ...image, ...wrong })), JSON.stringify(wrong));
  }
});

test.run();
