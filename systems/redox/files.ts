// The text files of Redox's initfs.
import type { InitfsFacts } from '../../lib/system/image-facts.ts';

/** The bundled kernel prints these with their digests. Upstream's kernel runs init from here. */
export const initfs: InitfsFacts<'bootstrap/bootstrap'> = {
  generation: 'newer',
  bootstrap: 'bootstrap/bootstrap',
  files: {
    'bin/bootstrap': { made: 'bootstrap/bootstrap' },
    'etc/hostname': { text: 'redox\n' },
    'etc/motd': { text: 'Redox-shaped fixture of Bloomery\n' },
    'lib/init.d/00_base': { text: 'scheme logd\nnotify randd\nexport PATH /bin\n' },
    'lib/pcid.d/initfs.toml': { text: '[[drivers]]\nname = "NVMe storage"\nclass = 1\nsubclass = 8\ncommand = ["nvmed"]\n' },
    'etc/os-release': { link: '../lib/os-release' },
    'lib/os-release': { text: 'NAME="Redox (bundled fixture)"\nID=redox\n' },
  },
};
