// The modules in a key for an output: exactly those that are loaded to create it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settle, withScratch } from '../dev/testing/scratch.ts';
import { makerModules } from './maker-modules.ts';

const modules = {
  'maker.ts': "import { part } from './part.ts';\nimport type { Kind } from './kind.ts';\nexport const made: Kind = part;\n",
  'part.ts': "export const part = await import('./late.ts');\n",
  'late.ts': "export const program = join(import.meta.dirname, 'program.c');\n",
  'program.c': 'int main(void) { return 0; }\n',
  'kind.ts': 'export type Kind = unknown;\n',
  'maker.test.ts': "import './maker.ts';\n",
  'other.ts': '',
};
const changes: readonly (readonly [path: keyof typeof modules, counts: boolean])[] = [
  ['maker.ts', true],
  ['part.ts', true],
  ['late.ts', true],
  ['program.c', true],
  ['kind.ts', false],
  ['maker.test.ts', false],
  ['other.ts', false],
];

for (const [path, counts] of changes) {
  test(`a change of ${path} ${counts ? 'counts' : 'does not count'} for the output of maker.ts`, async () => {
    await withScratch(async (scratch) => {
      const { folder, write, reopen } = scratch;
      for (const [name, text] of Object.entries(modules)) await write(name, text);
      await settle(scratch);
      const before = await makerModules(await reopen(), `${folder}/maker.ts`);
      assert.is(await makerModules(await reopen(), `${folder}/maker.ts`), before, 'the same, memoized');
      await write(path, `${modules[path]}// changed\n`);
      assert.is((await makerModules(await reopen(), `${folder}/maker.ts`)) !== before, counts);
    });
  });
}

test('a module that a change brings in counts from then on', async () => {
  await withScratch(async (scratch) => {
    const { folder, write, reopen } = scratch;
    for (const [name, text] of Object.entries(modules)) await write(name, text);
    await write('maker.ts', "import './other.ts';\n");
    const before = await makerModules(await reopen(), `${folder}/maker.ts`);
    await write('other.ts', '// changed\n');
    assert.is.not(await makerModules(await reopen(), `${folder}/maker.ts`), before);
  });
});

test.run();
