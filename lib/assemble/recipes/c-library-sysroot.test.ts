// The recipe that runs make, and the libraries of a supplement that are used. Builds nothing.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { callsCargo, programWords } from '../../cookbook/recipe-script.ts';
import type { Stage } from '../../cookbook/stages.ts';
import { digestBytes } from '../../core/digest.ts';
import { builtLibrary, libraryAtHand, makeRecipe } from './c-library.ts';
import type { CLibrary } from '../../system/component.ts';

const facts: CLibrary = {
  name: 'small-libc',
  title: 'C library',
  make: { arguments: ["CFLAGS=-DNAME='small'"], programs: ['clang', 'cargo'] },
  triple: 'x86_64-unknown-redox',
  cargoConfig: 'systems/redox/cargo.toml',
  buildStd: ['std'],
};

function stage(name: string, files: Readonly<Record<string, string>>): Stage {
  const rows = Object.entries(files).map(([path, text]) => ({
    path,
    digest: digestBytes(text),
    sizeBytes: text.length,
    executable: false,
  }));
  return { name, artifacts: rows.map((row) => ({ kind: 'file', ...row })) };
}

test('make installs into the stage, and the programs that it may run are inputs', () => {
  const { recipe, local } = makeRecipe(facts, '/sources/libc');
  const { script } = recipe.build;
  assert.match(script, /^make -C "\$\{COOKBOOK_SOURCE\}" -j"\$\{COOKBOOK_MAKE_JOBS\}" DESTDIR="\$\{COOKBOOK_STAGE\}\/usr" /m);
  assert.match(script, / 'CFLAGS=-DNAME='\\''small'\\''' install$/m);
  assert.ok(['make', 'clang', 'cargo'].every((name) => programWords(recipe).includes(name)));
  assert.ok(callsCargo(recipe));
  assert.equal(local, { 'small-libc': '/sources/libc' });
});

test('a supplement adds libraries that the C library lacks', async () => {
  await withScratch(async ({ cache, context }) => {
    const library = stage('small-libc', { 'lib/libc.a': 'c', 'usr/lib/libgcc_eh.a': 'own' });
    const supplement = stage('unwinder', { 'usr/lib/libgcc_eh.a': 'other', 'usr/lib/libgcc_s.a': 'other', 'usr/lib/libc.a': 'other' });
    const { sysroot, stage: installed } = await builtLibrary(
      facts,
      { stage: library, supplement },
      { root: '/', cache, signal: context.signal },
    );
    assert.equal(sysroot.files, {
      'usr/lib/libc.a': digestBytes('c'),
      'usr/lib/libgcc_eh.a': digestBytes('own'),
      'usr/lib/libgcc_s.a': digestBytes('other'),
    });
    assert.is(installed, library);
  });
});

test('recipes are built with the library if its source is available', () => {
  assert.is(libraryAtHand(facts, { 'small-libc': '/sources/libc' }, undefined), facts);
  assert.is(libraryAtHand(facts, {}, new Set(['small-libc'])), facts);
  assert.is(libraryAtHand(facts, { other: '/sources/other' }, new Set(['other'])), undefined);
  assert.is(libraryAtHand(undefined, { 'small-libc': '/sources/libc' }, undefined), undefined);
});

test.run();
