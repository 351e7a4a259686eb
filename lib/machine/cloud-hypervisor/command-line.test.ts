// Cloud Hypervisor's command line, word by word, and the user's settings.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MiB } from '../../core/sizes.ts';
import { cloudHypervisorArguments, cloudHypervisorSettings } from './command-line.ts';

const plan = {
  machine: { firmware: 'uefi', memoryBytes: 1024 * MiB, cpus: 2, imageInterface: 'virtio' } as const,
  settings: cloudHypervisorSettings({}),
  firmware: '/usr/share/CLOUDHV.fd',
  disks: ['/run/x/disk.img'],
  shares: [],
  serialSocket: '/run/x/serial',
  apiSocket: '/run/x/api',
};

test('a machine is its firmware, sizes, disk, serial line and interface', () => {
  assert.is(
    cloudHypervisorArguments(plan).join(' '),
    '--api-socket path=/run/x/api --firmware /usr/share/CLOUDHV.fd --cpus boot=2 --memory size=1024M ' +
      '--disk path=/run/x/disk.img --serial socket=/run/x/serial --console off',
  );
});

test('CH_CPUS, CH_MEMORY, CH_HUGEPAGES and CH_DIRECT_IO override the settings of the system', () => {
  const settings = cloudHypervisorSettings({ CH_CPUS: '4', CH_MEMORY: '2G', CH_HUGEPAGES: '1', CH_DIRECT_IO: 'on' });
  const words = cloudHypervisorArguments({ ...plan, settings, machine: { ...plan.machine, extraArguments: ['--seccomp', 'false'] } }).join(
    ' ',
  );
  assert.match(words, '--cpus boot=4 --memory size=2048M,hugepages=on --disk path=/run/x/disk.img,direct=on');
  assert.match(words, /--console off --seccomp false$/);
});

test('a kernel, a TAP device and room for processors', () => {
  const kernel = { image: '/k', initrd: '/i', commandLine: 'console=ttyS0' };
  const machine = { ...plan.machine, kernel, network: { kind: 'tap', device: 'tap0' }, maxCpus: 4 } as const;
  assert.is(
    cloudHypervisorArguments({ ...plan, machine, firmware: undefined, disks: [] }).join(' '),
    '--api-socket path=/run/x/api --kernel /k --initramfs /i --cmdline console=ttyS0 --cpus boot=2,max=4 --memory size=1024M ' +
      '--net tap=tap0 --serial socket=/run/x/serial --console off',
  );
  const userNetwork = { ...plan.machine, network: { kind: 'user', forwards: [] } } as const;
  assert.throws(() => cloudHypervisorArguments({ ...plan, machine: userNetwork }), /needs a TAP device for it/);
  const devices = [
    { display: { kind: 'hidden' } },
    { debugExit: { success: 16 } },
    { gdb: { port: 1234, wait: false } },
    { shares: [], shareDriver: '9p' },
  ] as const;
  for (const lacking of devices) {
    assert.throws(() => cloudHypervisorArguments({ ...plan, machine: { ...plan.machine, ...lacking } }), /it does not have /);
  }
});

test('shared folders are served by daemons, which read the memory of the guest', () => {
  const shares = [
    { path: '/a', tag: 'one', readOnly: false, socket: '/run/x/share0' },
    { path: '/b', tag: 'two', readOnly: true, socket: '/run/x/share1' },
  ];
  assert.match(
    cloudHypervisorArguments({ ...plan, shares }).join(' '),
    '--memory size=1024M,shared=on --disk path=/run/x/disk.img ' +
      '--fs tag=one,socket=/run/x/share0,num_queues=1,queue_size=512 tag=two,socket=/run/x/share1,num_queues=1,queue_size=512 --serial',
  );
});

test('an invalid setting is reported', () => {
  for (const [name, value] of [
    ['CH_CPUS', '0'],
    ['CH_CPUS', 'two'],
    ['CH_MEMORY', '2 G'],
    ['CH_HUGEPAGES', 'maybe'],
  ] as const) {
    assert.throws(() => cloudHypervisorSettings({ [name]: value }), new RegExp(`Cannot use ${name}="${value}"`));
  }
  assert.equal(cloudHypervisorSettings({ CH_CPUS: '', CH_HUGEPAGES: 'off' }), { hugePages: false, directIo: false });
});

test.run();
