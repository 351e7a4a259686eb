// What the pages of this repository need of a host.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadSystem } from '../system/load.ts';
import { systemNeeds } from './system-needs.ts';
import { repository } from './task.ts';

const needsOf = async (name: string): Promise<readonly string[]> => systemNeeds(await loadSystem(repository, name));

test('a system whose components are compiled for its own triple needs neither Debian nor Nix', async () => {
  assert.equal(await needsOf('redox'), ['crates', 'build-std', 'disk', 'boot']);
});

test('a system of packages needs the tools that unpack them', async () => {
  const names = await needsOf('rust-nixos');
  for (const name of ['crates', 'debian', 'boot']) assert.ok(names.includes(name), name);
  assert.not(names.includes('build-std'));
});

test.run();
