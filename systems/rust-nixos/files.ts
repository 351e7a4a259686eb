// Text files of rust-nixos's root file system: the mounts, and the users who may become root. Accounts and
// the host's name are in services.ts.
import type { FileFacts } from '../../lib/system/image-facts.ts';
import { sudoers } from './replacements.ts';

export const login = { user: 'nixos', password: 'nixos' };

export const common: FileFacts<never> = {
  ...sudoers,
  'etc/fstab': { text: '/dev/nvme0n1 / ext4 defaults 0 0\n' },
  'etc/motd': { text: '' },
};
