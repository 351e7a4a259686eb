// Finds systems by name. A wrong name is answered with the most similar valid one.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../core/errors.ts';
import { systemNames } from './find-page.ts';
import { loadPage, loadSystem } from './load.ts';
import { defaultProfile, imageOf, profileOf } from './system.ts';

const root = join(import.meta.dirname, '../..');

test('every page of systems/ can be loaded under its own name', async () => {
  for (const name of await systemNames(root)) assert.is((await loadPage(root, name)).name, name);
});

test('components and root file systems that profiles name exist', async () => {
  const names = await systemNames(root);
  assert.ok(names.includes('redox'));
  for (const name of names) {
    if (!(await loadPage(root, name)).profiles) continue;
    const system = await loadSystem(root, name);
    assert.ok(profileOf(system, defaultProfile(system)).title);
    for (const [profile, { components = [], base }] of Object.entries(system.profiles)) {
      for (const component of components) assert.ok(system.components[component], `${name} ${profile}: ${component}`);
      if (base === 'nix') {
        assert.ok(system.nixBase?.profiles[profile], `${name} ${profile}`);
        continue;
      }
      for (const { root: facts } of imageOf(system, profile).partitions) {
        for (const one of facts?.replacements ?? []) assert.ok(system.replacements?.[one], `${name} ${profile}: ${one}`);
        if (facts) assert.ok(system.sources?.bases[facts.base], `${name} ${profile}: ${facts.base}`);
      }
    }
  }
});

test('an unknown system or profile is a usage error that suggests the nearest', async () => {
  const unknown = await loadSystem(root, 'redux').catch((error: unknown) => error);
  assert.instance(unknown, Failure);
  assert.equal(unknown instanceof Failure && [unknown.exitCode, unknown.hint], [2, 'did you mean redox?']);
  const linux = await loadSystem(root, 'linux').catch((error: unknown) => error);
  assert.is(linux instanceof Failure && linux.message, 'Cannot build linux: its page has no components');
  const redox = await loadSystem(root, 'redox');
  assert.throws(
    () => profileOf(redox, 'defualt'),
    (error: unknown) => error instanceof Failure && error.exitCode === 2 && error.hint === 'did you mean default?',
  );
});

test.run();
