// Merged stages of several packages, and parts of a stage that are separate packages.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Artifact } from '../actions/action.ts';
import { digestBytes } from '../core/digest.ts';
import { merged, packageStage } from './stages.ts';
import type { Stage } from './stages.ts';

function stage(name: string, ...paths: readonly string[]): Stage {
  const artifacts = paths.map((path): Artifact => {
    if (path.endsWith('/')) return { kind: 'folder', path: path.slice(0, -1) };
    return { kind: 'file', path, digest: digestBytes(path), sizeBytes: 1, executable: false };
  });
  return { name, artifacts };
}

test('packages share folders, and no files', () => {
  assert.equal([...merged([stage('a', 'usr/x', 'tmp/'), stage('b', 'usr/y', 'tmp/')], 'do it').keys()], ['usr/x', 'tmp', 'usr/y']);
  assert.throws(
    () => merged([stage('a', 'usr/x'), stage('b', 'usr/x')], 'do it'),
    /^Cannot do it: the packages a and b both install "\/usr\/x"$/,
  );
  assert.throws(() => merged([stage('a', 'usr'), stage('b', 'usr/x')], 'do it'), 'the packages a and b both install "/usr"');
  assert.throws(() => merged([stage('a', 'usr', 'usr/x')], 'do it'), 'the package a installs "/usr" as a file and as a folder');
});

test('an optional package has the paths of its patterns, the recipe the rest', () => {
  const whole = stage('gcc', 'usr/bin/gcc', 'usr/bin/g++', 'usr/lib/a/b.so', 'usr/share/doc/x');
  const optional = [
    { name: 'cxx', dependencies: [], files: ['usr/bin/g++', '/usr/lib/**/*.so'] },
    { name: 'doc', dependencies: [], files: ['usr/share/doc'] },
  ];
  const of = (name: string): readonly string[] => packageStage(whole, name, optional).artifacts.map(({ path }) => path);
  assert.equal([of('gcc'), of('gcc.cxx'), of('gcc.doc')], [['usr/bin/gcc'], ['usr/bin/g++', 'usr/lib/a/b.so'], ['usr/share/doc/x']]);
});

test.run();
