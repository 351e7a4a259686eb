// The table of needs: every name in it is the name of a tool. Also the functions that read the table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toolPackages } from '../core/tools.ts';
import { needs, purposeOf, toolsOf, usualNeeds, workOf } from './needs.ts';
import type { Need } from './needs.ts';

test('each tool of the table has a package', () => {
  for (const { tools, useful = [] } of Object.values<Need>(needs)) {
    for (const tool of [...tools, ...useful]) assert.ok(Object.hasOwn(toolPackages, tool), tool);
  }
});

test('work needs the tools of its rows and no others', () => {
  assert.equal([...toolsOf(usualNeeds).needed], ['bwrap', 'cc', 'sfdisk', 'mkfs.vfat', 'qemu-system-x86_64', 'OVMF']);
  assert.equal([...toolsOf(['network']).needed], ['ip', 'nft']);
  assert.equal([...toolsOf(['network']).useful], []);
});

test('the purpose of a tool is the work of its rows, and a tool of no row is for tests', () => {
  assert.is(purposeOf('mkfs.vfat'), 'write images with partitions and FAT, write ISO images, write images that GRUB boots');
  assert.is(purposeOf('mcopy'), 'compare formats in tests');
});

test('work has a name that fits into sentences', () => {
  assert.is(workOf(usualNeeds), 'build and boot');
  assert.is(workOf(['iso', 'crates']), 'compile Cargo projects and write ISO images');
});

test.run();
