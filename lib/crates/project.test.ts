// A set file is parsed to projects, or refused with the name of the field; and the arguments of cargo for a
// project.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { projectSet, selectionArgs, systemProfile } from './project.ts';
import type { Project } from './project.ts';

const defaults: Project = {
  name: 'unnamed',
  dir: '/',
  packages: [],
  bins: [],
  lib: false,
  features: [],
  defaultFeatures: true,
  profile: 'system',
  triple: undefined,
  buildStd: [],
  buildStdFeatures: [],
  cargoConfigs: [],
  env: { LANG: 'C' },
};
const file = '/sets/all.toml';
const read = (text: string): readonly Project[] => projectSet(text, file, defaults);

test('missing fields of a table come from the defaults, and its name from its folder', () => {
  assert.equal(read('[[project]]\npath = "../apps/hexyl"\n'), [{ ...defaults, dir: '/apps/hexyl', name: 'hexyl' }]);
});

test('every field reaches the project; paths are relative to the file', () => {
  const [project] = read(`
    [[project]]
    path = "kernel"
    name = "k"
    package = ["a"]
    bins = ["b"]
    lib = true
    features = ["f"]
    default-features = false
    triple = "targets/x.json"
    profile = "release"
    env = { A = "1" }
    build-std = ["core", "alloc"]
    build-std-features = ["compiler-builtins-mem"]`);
  assert.equal(project, {
    ...defaults,
    dir: '/sets/kernel',
    name: 'k',
    packages: ['a'],
    bins: ['b'],
    lib: true,
    features: ['f'],
    defaultFeatures: false,
    triple: '/sets/targets/x.json',
    profile: 'release',
    env: { LANG: 'C', A: '1' },
    buildStd: ['core', 'alloc'],
    buildStdFeatures: ['compiler-builtins-mem'],
  });
  assert.is(read('[[project]]\npath = "/abs"\ntriple = "x86_64-unknown-none"')[0]?.triple, 'x86_64-unknown-none');
});

const refused: readonly (readonly [text: string, message: string | RegExp, hint?: RegExp])[] = [
  ['[[project]]\npath = "x"\nbin = ["a"]', 'project[0] has an unknown field "bin"', /did you mean bins\?/],
  [
    '[[project]]\npath = "x"\n[[project]]\npath = "y"\nfeature = ["a"]',
    'project[1] has an unknown field "feature"',
    /did you mean features\?/,
  ],
  ['[[project]]\npath = "x"\nzzzzzz = 1', 'project[0] has an unknown field "zzzzzz"', /the fields are path, name,/],
  ['[[project]]\nname = "x"', 'project[0].path must be given'],
  ['[[project]]\npath = 7', 'project[0].path must be a text'],
  ['[[project]]\npath = "x"\nbins = "a"', 'project[0].bins must be a list of texts'],
  ['[[project]]\npath = "x"\nfeatures = ["a", 1]', 'project[0].features must be a list of texts'],
  ['[[project]]\npath = "x"\ndefault-features = "no"', 'project[0].default-features must be true or false'],
  ['[[project]]\npath = "x"\nenv = ["A"]', 'project[0].env must be a table of texts'],
  ['[[project]]\npath = "x"\nenv = 2026-01-01', 'project[0].env must be a table of texts'],
  ['[[project]]\npath = "x"\nenv = { A = 1 }', 'project[0].env must be a table of texts'],
  ['[[project]]\npath = "a/x"\n[[project]]\npath = "b/x"', 'two projects are called "x"', /name = /],
  ['project = [1]', /project\[0\] must be a table/],
  ['[[projects]]\npath = "x"', 'it has an unknown field "projects"', /did you mean project\?/],
  ['profile = "release"\n[[project]]\npath = "x"', 'it has an unknown field "profile"'],
  ['[project]\npath = "x"', 'it has no [[project]]'],
  ['', 'it has no [[project]]'],
  ['[[project', 'it is not valid TOML'],
];

test('a mistake is named by its field, as a usage error', () => {
  for (const [text, message, hint] of refused) {
    try {
      read(text);
      assert.unreachable(text);
    } catch (error) {
      assert.instance(error, Failure, `${text}: ${String(error)}`);
      const failure = error as Failure;
      if (typeof message === 'string') assert.is(failure.message, `Cannot read "${file}": ${message}`);
      else assert.match(failure.message, message);
      if (hint) assert.match(failure.hint ?? '', hint);
      assert.is(failure.exitCode, 2);
    }
  }
});

test('a project without further options is built completely, for the host by name, with the profile of images', () => {
  const args = selectionArgs(defaults, ['x86_64-unknown-linux-gnu']);
  assert.equal(args.slice(0, 4), ['--target', 'x86_64-unknown-linux-gnu', '--profile', 'release']);
  const config = args.slice(4);
  assert.equal(
    config,
    Object.entries(systemProfile).flatMap(([key, value]) => ['--config', `profile.release.${key}=${value}`]),
  );
});

test("wishes become cargo's words", () => {
  const project: Project = {
    ...defaults,
    profile: 'dev',
    packages: ['a', 'b'],
    bins: ['c'],
    lib: true,
    features: ['d', 'e/f'],
    defaultFeatures: false,
    triple: '/t/x.json',
    buildStd: ['core', 'alloc'],
    buildStdFeatures: ['g'],
    cargoConfigs: ['/c.toml'],
  };
  assert.equal(selectionArgs(project, ['/t/x.json']), [
    '--target',
    '/t/x.json',
    '--profile',
    'dev',
    '--package',
    'a',
    '--package',
    'b',
    '--bin',
    'c',
    '--lib',
    '--features',
    'd,e/f',
    '--no-default-features',
    '--config',
    '/c.toml',
    '-Z',
    'build-std=core,alloc',
    '-Z',
    'build-std-features=g',
    '-Z',
    'json-target-spec',
  ]);
});

test.run();
