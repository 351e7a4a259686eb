#!/usr/bin/env zx
// Lists, prints, extracts and verifies the content of an image, compares two images, and writes files into
// one.
import '../lib/cli/compile-cache.ts';

const { imageFlags, inspectImage } = await import('../lib/cli/tasks/image-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/image.ts',
    words: 'ls|cat|extract|verify|diff|put|grow IMAGE [WORDS]',
    about: [
      'Looks into an image without mounting it, compares images and changes them: a GPT image with any partitions, or a bare RedoxFS,',
      'FAT, ext4, ISO, initramfs or initfs.',
      '',
      '  ls IMAGE [PATH]      lists it, or what is below PATH: kind and mode, uid:gid, size, path; of an ext4 also the number of names and the',
      '                       extended attributes',
      '  cat IMAGE PATH       writes the bytes of a file to standard output',
      '  extract IMAGE DIR    writes everything to DIR, which must not exist or be empty, without owners, set-id bits, devices and',
      '                       extended attributes, but for those that begin with "user."',
      '  verify IMAGE         reads every block; exit 1 and a line for each path that is damaged',
      '  diff IMAGE IMAGE     a line for each file that was added, removed or changed, and for the partition table; exit 1 if there is one',
      '  put IMAGE FILE PATH  writes FILE to PATH, which names a new file or one that is replaced',
      '  grow IMAGE           extends the RedoxFS at the end of the image to the end of its partition, or the image to --size',
      '',
      'A path begins with its partition: RedoxFS/etc/hostname. Without it, all partitions are searched.',
    ].join('\n'),
    count: [2, 4],
    flags: imageFlags,
    examples: [
      'npx zx tasks/image.ts ls out/redox-default.img RedoxFS/usr/lib',
      'npx zx tasks/image.ts cat out/redox-default.img RedoxFS/etc/hostname',
      'npx zx tasks/image.ts verify out/redox-default.img',
      'npx zx tasks/image.ts put out/redox-default.img target/hello RedoxFS/usr/bin/hello --mode 755',
    ],
  },
  inspectImage,
);
