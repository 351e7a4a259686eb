// Tests the inputs that a build script declares.
// Tests the source files of a crate, read from a dep-info file of a real rustc.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlannedUnit } from '../plan/planned-unit.ts';
import { declaredPlaces, parseDepInfo, scriptReads } from './reads.ts';
import { realToolchain, rustc } from '../../dev/testing/real-rustc.ts';
import { packageOf, workPlace } from '../../dev/testing/sample-units.ts';
import { withScratch } from '../../dev/testing/scratch.ts';

test("a script that declares a file of the kernel's runs every time, and nothing reads the file", () => {
  const trees = { common: '/p', roots: ['/p'], gitFolders: [] };
  const known: Partial<PlannedUnit> = { place: workPlace, owner: packageOf(), trees };
  const planned = known as PlannedUnit;
  for (const path of ['/proc/kmsg', '/proc/self/mem', '/', '/sys', '/dev/../dev/null']) {
    const stdout = `cargo:rerun-if-changed=${path}\n`;
    assert.equal(declaredPlaces(planned, stdout), []);
    const { files, always } = scriptReads(planned, { artifacts: [], stdout, stderr: '', durationMs: 1 }, []);
    assert.equal([files, always], [[], true]);
  }
});

test('a real rustc names sources, included files and variables, set or not, spaces and all', async () => {
  await withScratch(async ({ folder, cacheDir, write }) => {
    await write(
      'a b/lib.rs',
      `
      mod inner;
      pub const TEXT: &str = include_str!("../data/some text.txt");
      pub const SET: &str = env!("IS_SET");
      pub const UNSET: Option<&str> = option_env!("IS_NOT_SET");
      pub const ODD: &str = env!("ODD");
    `,
    );
    await write('a b/inner.rs', '');
    const data = await write('data/some text.txt', 'x');
    const absolute = await write('abs:olute.rs', '');
    await write('a b/inner.rs', `include!(${JSON.stringify(absolute)});`);
    await mkdir(join(folder, 'out'));
    const args = ['--crate-type', 'lib', '--crate-name', 'x', 'a b/lib.rs', '--emit=dep-info,metadata', '--out-dir', 'out'];
    const { exitCode, stderr } = await rustc(await realToolchain(process.env, cacheDir), args, folder, {
      IS_SET: 'a=b',
      ODD: 'two\nlines: x',
    });
    assert.is(exitCode, 0, stderr);
    const { files, variables } = parseDepInfo(await readFile(join(folder, 'out/x.d'), 'utf8'));
    assert.equal(files.toSorted(), ['a b/inner.rs', 'a b/lib.rs', absolute, `a b/../data/${data.split('/').at(-1)}`].toSorted());
    assert.equal(variables.toSorted(), ['IS_NOT_SET', 'IS_SET', 'ODD']);
  });
});

test('targets, comments and other lines for make are not inputs', () => {
  const rules = '/out/x.d: src/lib.rs src/a\\ b.rs\n\n/out/libx.rmeta: src/lib.rs src/a\\ b.rs\n\nsrc/lib.rs:\nsrc/a\\ b.rs:\n\n';
  const text = `${rules}# env-dep:A=x:\n# env-dep:B\n# checksum:blake3=0 file_len:1 src/lib.rs:\n`;
  assert.equal(parseDepInfo(text), { files: ['src/lib.rs', 'src/a b.rs'], variables: ['A', 'B'] });
  assert.equal(parseDepInfo(''), { files: [], variables: [] });
});

test.run();
