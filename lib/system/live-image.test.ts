// The live variant of Redox, as cargo would be asked for it.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectsOf } from '../assemble/component-projects.ts';
import { liveSystem } from './live-image.ts';
import { loadSystem } from './load.ts';

const root = join(import.meta.dirname, '../..');

test('the bootloader of a live image has the feature, whatever its source is, and nothing else changes', async () => {
  const system = await loadSystem(root, 'redox');
  const origins = new Map(
    Object.keys(system.components).map((name) => [name, { folder: `/fetched/${name}`, label: name, rev: 'r' }] as const),
  );
  for (const kind of ['bundled', 'upstream'] as const) {
    const request = { profile: 'minimal', sources: { kind, local: {} }, root: join(root, 'systems'), env: {}, origins };
    const before = projectsOf({ ...request, system });
    const live = projectsOf({ ...request, system: liveSystem(system) });
    for (const [name, { project }] of live) {
      const wanted = before.get(name)?.project;
      assert.equal(project, name === 'bootloader' ? { ...wanted, features: [...(wanted?.features ?? []), 'live'] } : wanted, name);
    }
  }
});

test('a system without a live variant is reported', async () => {
  const { live: _, ...system } = await loadSystem(root, 'redox');
  assert.throws(() => liveSystem(system), 'Cannot build a live image of redox: its page has no such variant');
});

test.run();
