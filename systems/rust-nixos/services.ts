// The services of the image for any init: its accounts, its network, and the files that are created at each
// boot. The image of the behaviour suite also has the services of behaviour.ts.
import type { ServiceSet } from '../../lib/system/services.ts';

/** Accounts of Debian's base-passwd that may be needed. */
export const debianAccounts: ServiceSet['baseAccounts'] = {
  users: {
    root: { group: 'root', home: '/root', shell: '/bin/bash' },
    daemon: { group: 'daemon', home: '/usr/sbin', shell: '/usr/sbin/nologin' },
    'www-data': { group: 'www-data', home: '/var/www', shell: '/usr/sbin/nologin' },
    nobody: { group: 'nogroup', home: '/nonexistent', shell: '/usr/sbin/nologin' },
  },
  groups: ['root', 'daemon', 'bin', 'sys', 'adm', 'tty', 'disk', 'man', 'mail', 'sudo', 'www-data', 'backup', 'utmp', 'users', 'nogroup'],
};

export const baseServices: ServiceSet = {
  hostName: 'rust-nixos',
  console: { device: 'ttyS0', baud: 115_200, terminal: 'vt220' },
  baseAccounts: debianAccounts,
  users: {
    nixos: {
      uid: 1000,
      // "nixos"
      passwordHash: '$6$bloomerynixos$UV/Eg8mXPsCkOeleG2IIstLMF3b4EhhIN..UhcCfWRzRNehWhcf.uingWy6SdzPCblhXQOl9XKrWckOC9teL91',
      home: '/home/nixos',
      shell: '/bin/bash',
      groups: ['sudo'],
    },
  },
  // virtio_net loads failover automatically if modules.dep exists. Without that file the modules are loaded
  // in this order.
  kernelModules: ['failover', 'net_failover', 'virtio_net'],
  temporaryFiles: {
    'run/utmp': { kind: 'file', mode: 0o664, group: 'utmp' },
    'run/lock': { kind: 'folder', mode: 0o1777 },
    'home/nixos': { kind: 'folder', mode: 0o700, user: 'nixos', group: 'nixos' },
  },
  interfaces: { eth0: { kind: 'dhcp' } },
  services: {},
};
