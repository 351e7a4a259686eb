#!/usr/bin/env zx
// Looks into an image without mounting it: lists, prints and extracts what is in it, and judges it.
import '../lib/face/compile-cache.ts';

const { imageFlags, inspectImage } = await import('../lib/face/image-task.ts');
const { task } = await import('../lib/face/task.ts');

await task(
  {
    command: 'npx zx tasks/image.ts',
    words: 'ls|cat|extract|verify IMAGE [PATH]',
    about: [
      'Looks into an image without mounting it: a GPT image with RedoxFS and FAT partitions, one of these alone, or an initfs.',
      '',
      '  ls IMAGE [PATH]      what is in it, or below PATH: kind and mode, uid:gid, size, path',
      '  cat IMAGE PATH       the bytes of a file to standard output',
      '  extract IMAGE DIR    everything to DIR, which must not exist or be empty; owners and set-id bits are left out',
      '  verify IMAGE         reads every block; exit 1 and a line for each path that is damaged',
      '',
      'A path begins with its partition: root/etc/hostname. Without it, all partitions are searched.',
    ].join('\n'),
    count: [2, 3],
    flags: imageFlags,
    examples: [
      'npx zx tasks/image.ts ls out/redox-default.img root/usr/lib',
      'npx zx tasks/image.ts cat out/redox-default.img root/etc/hostname',
      'npx zx tasks/image.ts verify out/redox-default.img',
    ],
  },
  inspectImage,
);
