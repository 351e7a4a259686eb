// The names by which a boot test finds what a build has made.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ImageFacts, PartitionFacts } from './image-facts.ts';
import { commandLinePath, imageFileName, kernelPath } from './output-paths.ts';

test('an image is named after its kind, and its kernel is next to it', () => {
  const image = (fileSystem: PartitionFacts['fileSystem']): ImageFacts => ({
    sizeBytes: 0,
    timestampSec: 0,
    partitions: [{ name: 'one', typeGuid: '', fileSystem, files: {} }],
  });
  assert.is(imageFileName('a-b', undefined), 'a-b.img');
  assert.is(imageFileName('a-b', image({ kind: 'redoxfs' })), 'a-b.img');
  assert.is(imageFileName('a-b', image({ kind: 'cpio' })), 'a-b.cpio');
  assert.is(imageFileName('a-b', image({ kind: 'cpio', gzip: true })), 'a-b.cpio.gz');
  assert.is(imageFileName('a-b', image({ kind: 'iso', label: 'L', efiImage: 'e' })), 'a-b.iso');
  assert.is(commandLinePath(kernelPath('/out', 'a', 'b')), '/out/a-b/vmlinuz.cmdline');
});

test.run();
