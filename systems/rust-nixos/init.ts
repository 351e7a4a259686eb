// The additional files and arguments of each init, and how to check which init runs.
import type { GuestCheck } from '../../lib/console/rules.ts';
import type { FileFacts, InitName } from '../../lib/system/image-facts.ts';

export interface Init {
  /** The backend that renders the services. */
  readonly name: InitName;
  readonly base: string;
  readonly files: FileFacts<never>;
  /** Its arguments on the kernel's command line. */
  readonly kernelWords: string;
  readonly checks: readonly GuestCheck[];
}

const failed: GuestCheck = { name: 'no service has failed', run: 'services failed | wc -l', expect: /^0$/m };

export const systemd: Init = {
  name: 'systemd',
  base: 'systemd',
  files: { 'etc/machine-id': { text: '' } },
  kernelWords: '',
  checks: [
    { name: 'process 1 is systemd', run: 'sudo readlink /proc/1/exe', expect: /^\/usr\/lib\/systemd\/systemd$/m },
    { name: 'no unit has failed', run: 'systemctl --failed --no-legend --plain | wc -l', expect: /^0$/m },
  ],
};

export const sysvinit: Init = {
  name: 'sysvinit',
  base: 'sysvinit',
  files: {},
  // Without an initial RAM disk, /dev is not mounted when it opens its console.
  kernelWords: ' devtmpfs.mount=1',
  checks: [
    { name: 'process 1 is init', run: 'sudo readlink /proc/1/exe', expect: /^\/usr\/sbin\/init$/m },
    { name: 'it is the one of sysvinit', run: '/usr/sbin/init --version 2>&1', expect: /SysV init version/ },
    failed,
  ],
};

export const rustInit: Init = {
  name: 'table',
  base: 'sysvinit',
  files: {},
  kernelWords: '',
  checks: [
    { name: 'process 1 is init', run: 'sudo readlink /proc/1/exe', expect: /^\/usr\/sbin\/init$/m },
    { name: 'it is ours', run: 'cut -d" " -f1 /etc/init.table | sort -u | tr "\\n" " "', expect: /getty hostname interface/ },
    failed,
  ],
};
