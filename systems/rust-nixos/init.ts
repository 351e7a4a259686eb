// What each init needs beside its packages, and how one sees that it is the one that runs.
import type { FileFacts } from '../../lib/system/image-facts.ts';
import type { GuestCheck } from '../../lib/system/guest-check.ts';

interface Init {
  readonly files: FileFacts;
  readonly checks: readonly GuestCheck[];
}

export const systemd: Init = {
  files: {
    'etc/machine-id': { text: '' },
    'etc/systemd/system/default.target': { link: '/usr/lib/systemd/system/multi-user.target' },
  },
  checks: [
    { name: 'process 1 is systemd', run: 'sudo readlink /proc/1/exe', expect: /^\/usr\/lib\/systemd\/systemd$/m },
    { name: 'no unit has failed', run: 'systemctl --failed --no-legend --plain | wc -l', expect: /^0$/m },
  ],
};
