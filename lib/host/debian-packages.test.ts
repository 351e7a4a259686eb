// Parsing of real output of apt-get about packages, and the scripts that start programs with their own
// dynamic linker.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../core/sh.ts';
import { linkersPackage, newestVersioned, packageFiles, programScript, versionOf } from './debian-packages.ts';

const printed = `Reading package lists...
NOTE: This is only a simulation!
'http://mirror.example/debian/pool/main/z/zlib/zlib1g_1.3.1-1_amd64.deb' zlib1g_1%3a1.3.dfsg+really1.3.1-1+deb13u1_amd64.deb 88720 SHA256:00
'http://mirror.example/debian/pool/main/l/llvm/libllvm22_22.1.8_amd64.deb' libllvm22_1%3a22.1.8-3_amd64.deb 29441420 SHA256:01
'http://mirror.example/debian/pool/main/r/rustc/rustc_1.97.1_amd64.deb' rustc_1.97.1+dfsg1-1~bpo13+1_amd64.deb 4500540 SHA256:02
`;

test('names, versions and sizes are read, and the linker is the one of the same LLVM', () => {
  const files = packageFiles(printed);
  assert.equal(files, [
    { name: 'zlib1g', version: '1:1.3.dfsg+really1.3.1-1+deb13u1', sizeBytes: 88720 },
    { name: 'libllvm22', version: '1:22.1.8-3', sizeBytes: 29441420 },
    { name: 'rustc', version: '1.97.1+dfsg1-1~bpo13+1', sizeBytes: 4500540 },
  ]);
  assert.equal([versionOf(files, 'rustc'), linkersPackage(files)], ['1.97.1', 'lld-22']);
  assert.throws(() => versionOf(files, 'cargo'), /^Cannot take Debian's package cargo: apt-get does not name it$/);
  assert.is(linkersPackage([]), undefined);
});

test('the newest of several packages with a version in their name is chosen', () => {
  assert.is(newestVersioned('rustc-1.89\nrustc-1.100-dbg\nrustc-1.97\nrustc-1.9\n'), '1.97');
  assert.is(newestVersioned(''), undefined);
});

test('a script starts its program with the linker next to it, from any folder and through a link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bloomery-script-'));
  try {
    const sysroot = join(folder, 'a sysroot');
    for (const part of ['bin', 'lib/private']) await mkdir(join(sysroot, part), { recursive: true });
    await writeFile(join(sysroot, 'bin/rustc'), programScript('rustc', '..', 'lib/private', 'ld.so'));
    await writeFile(join(sysroot, 'lib/private/ld.so'), '#!/bin/sh\nfor word; do echo "$word"; done\n');
    for (const program of ['bin/rustc', 'lib/private/ld.so']) await chmod(join(sysroot, program), 0o755);
    await symlink(join(sysroot, 'bin/rustc'), join(folder, 'program'));
    for (const program of [join(sysroot, 'bin/rustc'), join(folder, 'program')]) {
      const text = await outputOf('start it', [program, '-C', 'a b'], { cwd: '/', env: { PATH: '/usr/bin:/bin' } });
      assert.equal(text.replaceAll(`${sysroot}/bin/..`, 'S').replaceAll(sysroot, 'S').trim().split('\n'), [
        '--argv0',
        'S/bin/rustc',
        '--library-path',
        'S/lib/private:S/lib',
        'S/lib/private/rustc',
        '-C',
        'a b',
      ]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
