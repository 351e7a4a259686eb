// Which part of a sysroot an action gets, on a sysroot that is written out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestBytes } from '../../core/digest.ts';
import type { Digest } from '../../core/digest.ts';
import { sysrootDigest } from '../project.ts';
import type { Sysroot } from '../project.ts';
import { addBundledLibraries, addSysrootLibraries, addSysroot } from './inputs.ts';

const sysroot: Sysroot = {
  triple: 'x86_64-unknown-redox',
  files: {
    'usr/lib/libc.a': digestBytes('c'),
    'usr/lib/libz.a': digestBytes('z'),
    'usr/lib/crt0.o': digestBytes('crt0'),
    'usr/include/errno.h': digestBytes('errno'),
    'usr/libexec/helper': digestBytes('helper'),
  },
  layout: { usr: 'folder', lib: 'link usr/lib', include: 'link usr/include' },
  env: {},
  tools: {},
};

function places(fill: (to: { inputs: Record<string, Digest>; layout: Record<string, never> }) => void): readonly string[] {
  const to = { inputs: {}, layout: {} };
  fill(to);
  return [...Object.keys(to.inputs), ...Object.keys(to.layout)].map((place) => place.replace('/bloomery/sysroot/', ''));
}

test('linked units get libraries and start files, and no header', () => {
  const found = places((to) => addSysrootLibraries(sysroot, to));
  assert.equal(found, ['usr/lib/libc.a', 'usr/lib/libz.a', 'usr/lib/crt0.o', 'lib']);
});

test('a library gets the static libraries that its script names, if the sysroot has them', () => {
  assert.equal(
    places((to) => addBundledLibraries(sysroot, ['static=z'], to)),
    ['usr/lib/libz.a', 'lib'],
  );
  assert.equal(
    places((to) => addBundledLibraries(sysroot, ['static:+whole-archive=z'], to)),
    ['usr/lib/libz.a', 'lib'],
  );
  for (const words of [[], ['z'], ['dylib=z'], ['static=own']])
    assert.equal(
      places((to) => addBundledLibraries(sysroot, words, to)),
      [],
    );
});

test('a script gets everything', () => {
  assert.is(places((to) => addSysroot(sysroot, to)).length, 8);
});

test('the digest depends on content, and not on the order of files', () => {
  const reversed = { ...sysroot, files: Object.fromEntries(Object.entries(sysroot.files).reverse()) };
  assert.is(sysrootDigest(reversed), sysrootDigest(sysroot));
  assert.not.equal(
    sysrootDigest({ ...sysroot, files: { ...sysroot.files, 'usr/lib/libc.a': digestBytes('other') } }),
    sysrootDigest(sysroot),
  );
});

test.run();
