// The guess of what a first compilation costs, from real folders.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withScratch } from '../../dev/testing/scratch.ts';
import { packageOf, targets, unitOf, workPlace } from '../../dev/testing/sample-units.ts';
import { guessedMs } from './unit-walk.ts';

test("a person's own package costs by its Rust source and by what it is linked from, other people's packages and scripts all the same", async () => {
  await withScratch(async ({ write, folder }) => {
    const source = 'x'.repeat(50_000);
    const srcPath = await write('src/lib.rs', source);
    await write('src/deep/er.rs', source);
    await write('src/table.bin', source);
    const owner = packageOf({ dir: folder });
    const lib = unitOf({ srcPath });
    const ofOthers = await guessedMs({ unit: lib, owner, place: { ...workPlace, foreign: true } }, 0);
    assert.is(await guessedMs({ unit: lib, owner, place: workPlace }, 0), ofOthers + 3000);
    assert.is(await guessedMs({ unit: unitOf({ ...targets.bin, srcPath }), owner, place: workPlace }, 20), ofOthers + 4000);
    for (const script of [unitOf(targets.script), unitOf(targets.script, { mode: 'run-custom-build' })])
      assert.is(await guessedMs({ unit: script, owner, place: workPlace }, 9), ofOthers);
    assert.is(await guessedMs({ unit: unitOf({ srcPath: `${folder}/absent/lib.rs` }), owner, place: workPlace }, 0), ofOthers);
  });
});

test('of a library in the folder of its package, what lies below that folder is not counted', async () => {
  await withScratch(async ({ write, folder }) => {
    const srcPath = await write('lib.rs', 'x'.repeat(10_000));
    await write('target/debug/build/made/out/huge.rs', 'x'.repeat(1_000_000));
    const cost = async (dir: string): Promise<number> =>
      guessedMs({ unit: unitOf({ srcPath }), owner: packageOf({ dir }), place: workPlace }, 0);
    assert.is((await cost('/elsewhere')) - (await cost(folder)), 30_000);
  });
});

test.run();
