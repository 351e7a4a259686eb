// Reference kernels that boot the images of Asterinas: Linux, whose interface Asterinas implements.
import type { ReferenceFacts } from '../../lib/system/system.ts';
import { console as linux } from '../linux/console.ts';
import { bootMark } from './console.ts';

/**
 * The init of the initramfs with which a Linux starts a disk. With /proc, the shell of busybox has these
 * commands itself. The variables that it sets are not passed on, so that programs get the same ones as from
 * the kernel.
 */
const startDisk = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
mount -t devtmpfs dev /dev
for word in $(cat /proc/cmdline); do
  case $word in
  --) break ;;
  root=*) root=\${word#root=} ;;
  init=*) init=\${word#init=} ;;
  esac
done
modprobe virtio_blk
tries=0
until device=$(findfs "$root" 2>/dev/null) && mount "$device" /disk; do
  tries=$((tries + 1))
  if [ $tries = 50 ]; then
    echo "Cannot start the disk: there is no file system $root"
    exit 1
  fi
  usleep 100000
done
mount --move /dev /disk/dev
umount /proc
exec /bin/busybox env -u PWD -u OLDPWD -u SHLVL /bin/busybox switch_root /disk "$init" "$@"
`;

export const reference: ReferenceFacts = {
  sources: {
    suite: 'trixie',
    crates: [],
    tarballs: [],
    bases: {},
    single: { kernel: 'linux-image-cloud-amd64', busybox: 'busybox-static' },
    stubs: [],
  },
  output: { from: /^Arguments \(\d+\):/, to: bootMark.pattern, kernel: /^(?:\[ *\d+\.\d+\] |\[kernel\] )/ },
  kernels: {
    linux: {
      title: "Debian's kernel for clouds",
      packaged: 'kernel:boot/vmlinuz-*',
      words: 'panic=-1',
      // Linux changes its own code while it runs. With two processors and without KVM, three boots ended in
      // partly changed code ("Oops: int3").
      cpus: 1,
      initramfs: {
        files: {
          init: { text: startDisk, mode: 0o755 },
          'bin/busybox': { packaged: 'busybox:{usr/,}bin/busybox', mode: 0o755 },
          lib: { link: 'usr/lib' },
          dev: { folder: true },
          proc: { folder: true },
          disk: { folder: true },
        },
        modules: { from: 'kernel', names: ['virtio_blk'] },
      },
      console: { ...linux, prompts: [bootMark, ...linux.prompts] },
    },
  },
};
