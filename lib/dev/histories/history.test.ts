// A history is determined by its seed alone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generalEdits, generalStep } from '../projects/general-edits.ts';
import { historyOf } from './history.ts';
import { projectOf } from '../projects/project.ts';
import { Random } from '../projects/random.ts';

const seeds = Array.from({ length: 200 }, (_, index) => index);

test('a seed has one history, and one project', () => {
  for (const seed of seeds) {
    assert.equal(historyOf(seed, 5), historyOf(seed, 5));
    assert.equal(projectOf(historyOf(seed, 5).plan), projectOf(historyOf(seed, 5).plan));
  }
  assert.is(new Set(seeds.map((seed) => JSON.stringify(historyOf(seed, 5)))).size, seeds.length);
});

test('a history survives being kept in a file', () => {
  for (const seed of seeds) {
    const history = historyOf(seed, 5);
    assert.equal(JSON.parse(JSON.stringify(history)), history);
  }
});

test('no placeholder is left in a project or its edits', () => {
  for (const seed of seeds) {
    const { plan, steps } = historyOf(seed, 20);
    const text = JSON.stringify([[...projectOf(plan).files], steps]);
    assert.not.match(
      text,
      /\{(?:pkg|macros|root|config|beside|tobeside|userbeside|rootbeside|macrosbeside|arguments|togit|data|databeside|name|crate)\}|@(?!c>|\\")/,
      `seed ${seed}`,
    );
  }
});

test('every general edit fits some project', () => {
  const found = new Set<string>();
  for (const seed of seeds) {
    const { plan } = historyOf(seed, 0);
    const random = new Random(seed);
    for (let round = 0; round < 20; round++) {
      const name = generalStep(projectOf(plan), plan, random)?.name;
      if (name !== undefined) found.add(name);
    }
  }
  for (const { name } of generalEdits)
    assert.ok(
      [...found].some((step) => step.startsWith(name)),
      name,
    );
});

test.run();
