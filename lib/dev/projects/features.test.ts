// Every feature and shape is a project that the real cargo builds. Every edit of a feature changes a file of
// its project.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cargoBuilder, hostTriple } from '../histories/builders.ts';
import { Checkout } from '../histories/checkout.ts';
import type { Feature, Role } from './feature.ts';
import { featureOf, features } from './features.ts';
import { plainPlan } from './plan.ts';
import type { Plan } from './plan.ts';
import { projectOf } from './project.ts';
import { shapes } from './shape.ts';

const scratch = await mkdtemp(join(tmpdir(), 'bloomery-features-'));
test.after(() => rm(scratch, { recursive: true, force: true }));
const context = { report: () => undefined, signal: new AbortController().signal };
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const cargo = cargoBuilder(env, await hostTriple(env, context));
const [nested] = shapes;

async function assertBuilds(name: string, plan: Plan): Promise<void> {
  const checkout = await Checkout.create(projectOf(plan), join(scratch, name));
  const outcome = await cargo(checkout.folder, join(scratch, `${name}-target`), checkout.settings, context);
  assert.is(outcome.kind === 'built' ? '' : outcome.text, '');
  assert.is(outcome.kind === 'built' && outcome.outputs['app']?.exitCode, 0);
}

/** Groups of features that a project can have at once. */
function groups(): readonly (readonly Feature[])[] {
  const found: Feature[][] = [];
  for (const feature of features) {
    const free = found.find((group) => feature.once === undefined || group.every(({ once }) => once !== feature.once));
    if (free) free.push(feature);
    else found.push([feature]);
  }
  return found;
}

function planOf(group: readonly Feature[], shape: string): Plan {
  const plain = plainPlan(featureOf('include-text'), shape);
  const parts = group.map((feature, index) => {
    const id = `${String.fromCharCode(0x61 + Math.floor(index / 26))}${String.fromCharCode(0x61 + (index % 26))}`;
    const role = (feature.roles ?? (['app', 'util', 'base'] as const))[index % (feature.roles?.length ?? 3)] as Role;
    return { feature: feature.name, role, id, data: 'data', name: `${id} x` };
  });
  return { ...plain, parts };
}

for (const [index, group] of groups().entries()) {
  test(`cargo builds a project with ${group.length} features`, () => assertBuilds(`group-${index}`, planOf(group, 'nested')));
}

test('cargo builds a project of every shape', async () => {
  const chosen = ['script-file', 'include-outside', 'macro-reads-user', 'config-cfg', 'git-head', 'inherited', 'profile-package'].map(
    featureOf,
  );
  for (const { name } of shapes) {
    await assertBuilds(name, { ...planOf(chosen, name), library: true, renamed: true, config: '.', git: '.' });
  }
});

test('features have different names, and every edit has a file to change', () => {
  assert.is(new Set(features.map(({ name }) => name)).size, features.length);
  for (const feature of features) {
    const { files, edits } = projectOf(plainPlan(feature, nested?.name ?? ''));
    for (const { does, operations } of edits) {
      for (const operation of operations) {
        if (!('path' in operation) || operation.op === 'write') continue;
        const path = posix.normalize(operation.path);
        const content = files.get(path);
        assert.is.not(content, undefined, `${feature.name}: ${does}: ${path}`);
        if (operation.op !== 'swap') continue;
        const text = typeof content === 'object' ? ('exe' in content ? content.exe : '') : (content ?? '');
        assert.ok(
          [operation.from, operation.to].some((word) => word !== '' && text.includes(word)),
          `${feature.name}: ${does}`,
        );
      }
    }
  }
});

test.run();
