// The flags of [lints]: cargo's order and spelling, and the position of an inherited table.
// The workspace of a package, compared with `cargo locate-project --workspace`.
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../core/errors.ts';
import { run } from '../../core/sh.ts';
import { flagsOf, lintArgs, workspaceRootOf } from './package.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

const flags = (toml: string): readonly string[] => flagsOf(parse(toml)).flags;

test('flags are sorted by priority, then by name in descending order, whatever the tool is', () => {
  const toml = `
    [rust]
    unused_qualifications = "allow"
    unsafe_code = { level = "forbid", priority = 2 }
    rust_2018_idioms = { level = "deny", priority = -1 }
    [clippy]
    unnecessary_cast = "allow"
    used_underscore_binding = "allow"
    unnecessary_semicolon = "warn"
    all = { level = "warn", priority = -1 }`;
  assert.equal(flags(toml), [
    '--deny=rust_2018_idioms',
    '--warn=clippy::all',
    '--allow=clippy::used_underscore_binding',
    '--allow=unused_qualifications',
    '--warn=clippy::unnecessary_semicolon',
    '--allow=clippy::unnecessary_cast',
    '--forbid=unsafe_code',
  ]);
});

test("of two tools' lints of one name the order is that of the flags, not that of the file", () => {
  const [rust, clippy] = ['[rust]\nx = "warn"', '[clippy]\nx = "allow"'];
  assert.equal(flags(`${rust}\n${clippy}`), ['--allow=clippy::x', '--warn=x']);
  assert.equal(flags(`${clippy}\n${rust}`), ['--allow=clippy::x', '--warn=x']);
});

test("cargo's own lints are not rustc's, and expectations stand apart from levels", () => {
  const lints = parse(
    '[cargo]\nx = "warn"\n[rust]\nunexpected_cfgs = { level = "warn", check-cfg = [\'cfg(fuzzing)\', \'cfg(a, values("b"))\'] }',
  );
  assert.equal(flagsOf(lints), {
    flags: ['--warn=unexpected_cfgs'],
    checkCfg: ['--check-cfg', 'cfg(fuzzing)', '--check-cfg', 'cfg(a, values("b"))'],
  });
});

test("a member inherits the workspace's table only if it asks for it", async () => {
  await withScratch(async ({ folder, write }) => {
    await write('Cargo.toml', '[workspace]\n[workspace.lints.rust]\nunsafe_code = "forbid"\n');
    const inheriting = await write('a/Cargo.toml', '[package]\nname = "a"\n[lints]\nworkspace = true\n');
    const own = await write('b/Cargo.toml', '[package]\nname = "b"\n[lints.rust]\nunused = "deny"\n');
    const silent = await write('c/Cargo.toml', '[package]\nname = "c"\n');
    const args = await Promise.all(
      [inheriting, own, silent, join(folder, 'none/Cargo.toml')].map(async (path) => (await lintArgs(path, () => folder)).flags),
    );
    assert.equal(args, [['--forbid=unsafe_code'], ['--deny=unused'], [], []]);
  });
});

test('a manifest that is not TOML is named', async () => {
  await withScratch(async ({ folder, write }) => {
    const path = await write('Cargo.toml', '[lints\n');
    const error: unknown = await lintArgs(path, () => folder).catch((reason: unknown) => reason);
    assert.instance(error, Failure);
    assert.ok((error as Failure).message.startsWith(`Cannot read "${path}": `), (error as Failure).message);
  });
});

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
