// The launcher starts another program with its own dynamic linker. A puppet replaces that linker.
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outputOf } from '../core/sh.ts';
import { withScratch } from '../dev/testing/scratch.ts';
import { writeLauncher } from './launcher.ts';

const context = { signal: new AbortController().signal, report: () => undefined };
const puppet = `#!${process.execPath}\nconsole.log(JSON.stringify([process.argv.slice(2), process.env]));\n`;

test('a launcher starts its program with the linker next to it, from any folder and through a link, and changes no variable', async () => {
  await withScratch(async ({ folder }) => {
    const sysroot = join(folder, 'a sysroot');
    for (const part of ['bin', 'lib/private']) await mkdir(join(sysroot, part), { recursive: true });
    const started = async (program: string, path: string, env: Record<string, string>): Promise<unknown> => {
      await writeLauncher(
        join(sysroot, 'bin', program),
        { program, up: '..', own: 'lib/private', loader: 'ld' },
        { env: { PATH: '/usr/bin:/bin' } },
        context,
      );
      const text = await outputOf('start it', [path, '-C', 'a b'], { cwd: '/', env });
      return JSON.parse(text.replaceAll(`${sysroot}/bin/..`, 'S').replaceAll(sysroot, 'S'));
    };
    await writeFile(join(sysroot, 'lib/private/ld'), puppet);
    await chmod(join(sysroot, 'lib/private/ld'), 0o755);
    await symlink(join(sysroot, 'bin/rustc'), join(folder, 'program'));
    const words = (program: string): readonly string[] => [
      '--argv0',
      `S/bin/${program}`,
      '--library-path',
      'S/lib/private:S/lib',
      `S/lib/private/${program}`,
      '-C',
      'a b',
    ];
    const usual = { PATH: '/usr/bin:/bin' };
    const env = { ...usual, 'CARGO_BIN_EXE_my-program': 'x' }; // a shell drops this variable, and sets PWD
    for (const path of [join(sysroot, 'bin/rustc'), join(folder, 'program')]) {
      assert.equal(await started('rustc', path, env), [words('rustc'), env]);
    }
    const cargo = join(sysroot, 'bin/cargo');
    assert.equal(
      await started('cargo', cargo, usual),
      [words('cargo'), { ...usual, CARGO: 'S/bin/cargo' }],
      'cargo passes its own path on',
    );
    const nested = { ...usual, CARGO: '/other' };
    assert.equal(await started('cargo', cargo, nested), [words('cargo'), nested]);
  });
});

test.run();
