// Which recipes are built for the host when the others are built for another triple.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { hostRecipes } from './recipe-graph.ts';
import type { Recipe } from './recipe.ts';

function recipe(name: string, dependencies: readonly string[], devDependencies: readonly string[] = []): Recipe {
  const cargo = { path: '.', packages: [], examples: [] };
  return {
    ...{ name, path: `/book/recipes/${name}/recipe.toml`, source: { kind: 'none' }, packageDependencies: [], optionalPackages: [] },
    ...{ version: undefined, build: { template: 'custom', script: '', flags: [], dependencies, devDependencies, cargo } },
  };
}

test('programs that recipes run are built for the host, with their dependencies', () => {
  const order = [recipe('libtext', []), recipe('generator', ['libtext'], ['lexer']), recipe('lexer', []), recipe('app', [], ['generator'])];
  assert.equal([...hostRecipes({ order, installed: ['app'] })].sort(), ['generator', 'lexer', 'libtext']);
});

test('a recipe of both kinds is refused with its name', () => {
  const order = [recipe('libtext', []), recipe('generator', ['libtext']), recipe('app', ['libtext'], ['generator'])];
  try {
    hostRecipes({ order, installed: ['app'] });
    assert.unreachable();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.message, /^Cannot build the recipe libtext: other recipes run its programs on the host/);
  }
});

test.run();
