// Ways to run the machine, with the names of upstream's schemes. Devices that need their own files, such as
// three more disks, are left out.
import { GiB } from '../../lib/core/sizes.ts';
import type { MachineScheme } from '../../lib/system/system.ts';

const network = { kind: 'user', forwards: [] } as const;
const devices = ['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'];

export const schemes: Readonly<Record<string, MachineScheme>> = {
  normal: {
    title: 'a network, and a source of random numbers',
    machine: { network, extraArguments: devices },
  },
  test: { title: 'as normal, with one processor and 8 GiB', machine: { network, cpus: 1, memoryBytes: 8 * GiB, extraArguments: devices } },
  iommu: {
    title: 'DMA and interrupts go through an IOMMU',
    machine: {
      extraArguments: ['-device', 'intel-iommu,intremap=on,device-iotlb=on', '-device', 'ioh3420,id=pcie.1,chassis=1', ...devices],
    },
  },
  microvm: { title: 'the small machine of micro virtual machines; its kernel is started by PVH', machine: { board: 'microvm' } },
};
