// Modules of a kernel by name, over the text that depmod prints; images that are booted have the real ones.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closureOf } from './kernel-modules.ts';

const rows = [
  'kernel/net/core/failover.ko.xz:',
  'kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz',
  'kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz',
  'kernel/fs/autofs/autofs4.ko.xz:',
  'kernel/drivers/char/snd-hda.ko.xz:',
  '# Aliases extracted from modules themselves.',
  'alias virtio:d00000001v* virtio_net',
].join('\n');

test('the dependencies of a module are included', () => {
  assert.equal(closureOf(['virtio_net'], rows), [
    'kernel/drivers/net/net_failover.ko.xz',
    'kernel/drivers/net/virtio_net.ko.xz',
    'kernel/net/core/failover.ko.xz',
  ]);
});

test('dashes in the names of files are underscores in those of modules', () => {
  assert.equal(closureOf(['snd_hda'], rows), ['kernel/drivers/char/snd-hda.ko.xz']);
});

test('an unknown module is refused with the nearest name', () => {
  assert.throws(
    () => closureOf(['virtio_nat'], rows),
    (error: Error & { hint?: string }) => {
      return /the kernel has no module "virtio_nat"/.test(error.message) && error.hint === 'did you mean virtio_net?';
    },
  );
});

test.run();
