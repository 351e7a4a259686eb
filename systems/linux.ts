// Any Linux: the virtual machine that a distribution's image expects, and its serial console. Nothing is
// built here.
import { GiB } from '../lib/core/sizes.ts';
import { defineMachine } from '../lib/system/define-system.ts';
import { console } from './linux/console.ts';

export const system = defineMachine({
  name: 'linux',
  title: 'Linux',
  machine: { firmware: 'uefi', memoryBytes: GiB, cpus: 2, imageInterface: 'virtio' },
  console,
});
