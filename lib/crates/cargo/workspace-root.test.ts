// The workspace of a package, as `cargo locate-project --workspace` says it.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { run } from '../../core/sh.ts';
import { workspaceRootOf } from './package.ts';

const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };
const packageText = (name: string, more = ''): string => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n${more}`;

test('the nearest manifest above that does not exclude the package, its own one, or the one that it points to', async () => {
  await withScratch(async ({ folder, write }) => {
    await write('ws/Cargo.toml', '[workspace]\nmembers = ["a", "out/kept"]\nexclude = ["out", "own"]\nresolver = "2"\n');
    for (const dir of ['ws/a', 'ws/out/gone', 'ws/out/kept', 'ws/own', 'alone']) {
      await write(`${dir}/Cargo.toml`, packageText(dir.replaceAll('/', '-')));
      await write(`${dir}/src/lib.rs`, '');
    }
    await write('ws/own/Cargo.toml', packageText('own', '[workspace]\n'));
    await write('pointing/Cargo.toml', packageText('pointing', 'workspace = "../other"\n'));
    await write('pointing/src/lib.rs', '');
    await write('other/Cargo.toml', '[workspace]\nmembers = ["../pointing"]\nresolver = "2"\n');
    for (const dir of ['ws', 'ws/a', 'ws/out/gone', 'ws/out/kept', 'ws/own', 'alone', 'pointing']) {
      const argv = ['cargo', 'locate-project', '--workspace', '--message-format', 'plain'];
      const { stdout } = await run(argv, { cwd: join(folder, dir), env });
      assert.is(join(workspaceRootOf(join(folder, dir), '/nowhere'), 'Cargo.toml'), stdout.trim(), dir);
    }
    assert.is(workspaceRootOf(join(folder, 'ws/a'), join(folder, 'ws')), join(folder, 'ws/a'), 'nothing is looked for above CARGO_HOME');
  });
});

test.run();
