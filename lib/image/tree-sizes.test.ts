// Which folders a message names, and in which order.
import { Buffer } from 'node:buffer';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KiB } from '../core/sizes.ts';
import { file, fileTree, symlink } from './file-tree.ts';
import { largestFolders } from './tree-sizes.ts';

test('folders two levels deep are named with the size below them, the largest first', () => {
  const tree = fileTree([
    ['usr/lib/boot/kernel', file(Buffer.alloc(4 * KiB))],
    ['usr/lib/a', file(Buffer.alloc(4 * KiB))],
    ['usr/bin/b', file(Buffer.alloc(5 * KiB))],
    ['boot/kernel', file(Buffer.alloc(1 * KiB))],
    ['top', file(Buffer.alloc(2 * KiB))],
    ['etc/small', file('x')],
    ['bin', symlink('usr/bin')],
  ]);
  assert.is(largestFolders(tree), 'usr/lib 8 KiB, usr/bin 5 KiB, top 2 KiB, boot 1 KiB');
});

test.run();
