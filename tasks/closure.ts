#!/usr/bin/env zx
// Analyses the parts of a system: sizes, packages, reasons, and the effect of a replaced dependency.
import '../lib/cli/compile-cache.ts';

const { closureFlags, studyClosure } = await import('../lib/cli/closure/closure-task.ts');
const { task } = await import('../lib/cli/task.ts');

await task(
  {
    command: 'npx zx tasks/closure.ts',
    words: 'size|packages|tree A [B] | why A B | hash PATH | replace ROOT | copy CACHE PATH | cache ROOT | verify PATH|STORE',
    about: [
      'Asks what a system consists of. A and B: <system>:<profile>, the manifest of an image (.json), or a store path. Nix is not needed.',
      '',
      '  size A [B]      the size of each part, alone and with all below it; or two in comparison',
      '  packages A [B]  names and versions; of two, what came, went and changed',
      '  tree A [B]      what refers to what, as nix-store -q --tree draws it',
      '  why A B         the shortest chain of references from A to B, which for an image is the name of a package',
      '  hash PATH       the NAR hash and size of any file or folder',
      '  replace ROOT    copies each path below ROOT that leads to OLD to DIR, with NEW instead of OLD (--replacement OLD=NEW, --to DIR)',
      '  copy CACHE PATH fetches PATH and all that it needs from a binary cache to DIR (--to), checked by hashes and signatures',
      '  cache ROOT      writes ROOT and all that it needs as a binary cache to DIR (--to), from which Nix can copy',
      '  verify PATH     reads every byte of a path and all that it needs, or of a whole store; exit 1 and a line for each that is damaged',
    ].join('\n'),
    count: [1, 3],
    flags: closureFlags,
    examples: [
      'npx zx tasks/closure.ts size rust-nixos:vanilla rust-nixos:rust',
      'npx zx tasks/closure.ts why rust-nixos:rust libc6',
      'npx zx tasks/closure.ts tree /nix/store/<hash>-system-1.0',
      'npx zx tasks/closure.ts copy https://cache.example <hash>-system-1.0 --to out/store --trusted-key NAME:KEY',
      'npx zx tasks/closure.ts replace ./result --replacement /nix/store/<hash>-lib-1.0=/nix/store/<hash>-lib-2.0 --to out/store',
    ],
  },
  studyClosure,
);
