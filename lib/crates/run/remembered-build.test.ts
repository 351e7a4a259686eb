// Parts of a stored build other than its outputs: the lines for editors, and paths of a checkout that is
// reached through a link. lib/crates/compile.test.ts checks which changes lead to another build.
import { cp, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cargoMessages } from '../../cli/tasks/cargo-messages-task.ts';
import { digestBytes } from '../../core/digest.ts';
import { withScratch } from '../../dev/testing/scratch.ts';
import type { Scratch } from '../../dev/testing/scratch.ts';
import { compile } from '../compile.ts';
import type { CompileOptions } from '../compiled.ts';

const fixture = join(import.meta.dirname, '../../../fixtures/crates');
const hostEnv = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const words = { packages: [], bins: [], lib: false, features: [], defaultFeatures: true, profile: 'dev', triple: undefined };
const settings = { hostEnv, toolchain: undefined, rustSrc: undefined, jobs: 2, sandbox: true, shorten: String, colour: false };

/** Creates a checkout of the fixture with one warning. */
async function checkoutIn({ folder, write }: Scratch, name: string): Promise<string> {
  await cp(fixture, join(folder, name), { recursive: true });
  await write(`${name}/greeter/src/main.rs`, 'fn main() { let idle = 1; }\n');
  return join(folder, name);
}

/** Compiles. Returns whether cargo made a plan, and the number of units that ran. */
async function build(
  { reopen, context }: Scratch,
  dir: string,
  watch: (cache: CompileOptions['cache']) => Partial<CompileOptions> = () => ({}),
): Promise<{ readonly planned: boolean; readonly misses: number; readonly warnings: string }> {
  const project = { name: 'fixture', dir, ...words, buildStd: [], buildStdFeatures: [], cargoConfigs: [], env: {} };
  const cache = await reopen();
  try {
    let planned = false;
    let warnings = '';
    const { misses } = await compile(
      [project],
      { cache, ...settings, ...watch(cache) },
      {
        ...context,
        report: (event) => {
          planned ||= event.kind === 'phase-started';
          if (event.kind === 'diagnostic') warnings += event.text;
        },
      },
    );
    return { planned, misses, warnings };
  } finally {
    await cache.close();
  }
}

test('the lines for editors are printed again without a plan, and a damaged file that they name is built again', async () => {
  await withScratch(async (scratch) => {
    const { folder, blob } = scratch;
    const checkout = await checkoutIn(scratch, 'checkout');
    const lines: string[] = [];
    const into = async (out: string): Promise<Awaited<ReturnType<typeof build>> & { readonly lines: readonly string[] }> => {
      const print = (line: string): void => void lines.push(line);
      const done = await build(scratch, checkout, (cache) => ({
        watchUnits: cargoMessages({ print }, join(folder, out), cache, false).watch,
      }));
      return { ...done, lines: lines.splice(0) };
    };
    const first = await into('one');
    assert.equal([first.planned, first.lines.length], [true, 9]); // eight units and a warning
    const fresh = first.lines.map((line) => line.replace('"fresh":false', '"fresh":true'));
    const second = await into('one');
    assert.equal([second.planned, second.misses], [false, 0]);
    assert.equal(second.lines, fresh);

    const macro = fresh.flatMap((line) => /[^"]*\.so(?=")/.exec(line) ?? [])[0] ?? '';
    const bytes = await readFile(macro);
    await rm(join(folder, 'one'), { recursive: true });
    assert.equal((await into('one')).lines, fresh);
    assert.equal(await readFile(macro), bytes);

    const elsewhere = await into('two'); // the lines contain the folder
    assert.is(elsewhere.planned, true);
    assert.ok(elsewhere.lines.some((line) => line.includes(join(folder, 'two/deps/'))));

    await rm(blob(digestBytes(bytes)));
    await rm(join(folder, 'one'), { recursive: true });
    const repaired = await into('one');
    assert.is(repaired.planned, true);
    const expected = fresh.map((line) => (line.includes(macro) ? line.replace('"fresh":true', '"fresh":false') : line));
    assert.equal(repaired.lines.toSorted(), expected.toSorted());
    assert.equal(await readFile(macro), bytes);
  });
});

test('a link to another checkout with the same files leads to the paths of that one', async () => {
  await withScratch(async (scratch) => {
    const link = join(scratch.folder, 'current');
    for (const name of ['one', 'other']) {
      const checkout = await checkoutIn(scratch, name);
      await rm(link, { force: true });
      await symlink(checkout, link);
      assert.match((await build(scratch, link)).warnings, `--> ${checkout}/greeter/src/main.rs:1:`);
    }
  });
});

test.run();
