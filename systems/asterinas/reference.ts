// Other kernels that boot the images of Asterinas: Linux, whose interface Asterinas has.
import type { ReferenceFacts } from '../../lib/system/reference-facts.ts';
import { console as linux } from '../linux/console.ts';
import { bootMark } from './console.ts';

export const reference: ReferenceFacts = {
  sources: { suite: 'trixie', crates: [], tarballs: [], bases: {}, single: { kernel: 'linux-image-cloud-amd64', busybox: 'busybox-static' }, stubs: [] },
  output: { from: /^Arguments \(\d+\):/, to: bootMark.pattern, kernel: /^(?:\[ *\d+\.\d+\] |\[kernel\] )/ },
  kernels: {
    linux: {
      title: "Debian's kernel for clouds",
      packaged: 'kernel:boot/vmlinuz-*',
      words: 'panic=-1',
      console: { ...linux, prompts: [bootMark, ...linux.prompts] },
    },
  },
};
