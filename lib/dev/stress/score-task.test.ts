// The confusion table for the recordings of this project, and for a folder with a text that has a wrong
// label.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { puppetTask } from '../testing/puppet-task.ts';
import { Failure } from '../../core/errors.ts';
import { score, scoreFlags } from './score-task.ts';

const root = await mkdtemp(join(tmpdir(), 'score-'));
test.after(() => rm(root, { recursive: true }));
const project = join(import.meta.dirname, '../../..');
async function scored(...words: string[]): Promise<{ text: string; json: { readonly table?: unknown } }> {
  const { task, lines } = puppetTask(scoreFlags, words, root);
  const { json } = await score(task, project);
  return { text: lines.join('\n'), json: json as { readonly table?: unknown } };
}

test('all own recordings get verdicts that match their labels', async () => {
  const { text } = await scored();
  assert.match(text, /^ +booted +failed +stalled +exited-early$/m);
  assert.match(text, /\d+ texts, 0 not as labelled/);
});

test('no verdict of own recordings changes with other line ends, colours or prefixes', async () => {
  assert.match((await scored('--mutate')).text, / texts in \d+ ways, 0 verdicts changed$/m);
});

test('a text whose verdict differs from its label is named', async () => {
  await writeFile(join(root, 'a.log'), 'Redox OS starting...\nredox login: ');
  await writeFile(join(root, 'b.log'), 'No bootable device.\n');
  await writeFile(
    join(root, 'index.tsv'),
    'path\tsystem\tlabel\tkind\na.log\tredox\tfail\tkernel-panic\nb.log\tfirmware\tfail\tno-bootdev\n',
  );
  const { text, json } = await scored(root);
  assert.match(text, 'not as labelled  a.log: fail (kernel-panic), judged booted');
  assert.match(text, '   1 x no-bootdev -> no-bootdev');
  assert.equal(json.table, { 'fail booted': 1, 'fail failed': 1 });
});

test('the figures count found failures and missed good boots, and only the figures are printed for a held-back part', async () => {
  const rows = Array.from({ length: 20 }, (_, index) => `a.log\tredox\t${index % 2 === 0 ? 'pass' : 'fail'}\toom`);
  const names = await Promise.all(
    rows.map(async (row, index) => {
      await writeFile(join(root, `${index}.log`), index === 0 ? 'nothing\n' : 'redox login: ');
      return row.replace('a.log', `${index}.log`);
    }),
  );
  await writeFile(join(root, 'index.tsv'), ['path\tsystem\tlabel\tkind', ...names].join('\n'));
  const whole = await scored(root);
  assert.match(whole.text, 'all: of 10 failures found 0.0 %, right kind 0.0 %; wrong pass 10, wrong fail 0, pass missed 1');
  const part = await scored(root, '--fold', '1');
  const [, held = ''] = /held back: of (\d+) failures/.exec(part.text) ?? [];
  const [, open = ''] = /all: of (\d+) failures/.exec(part.text) ?? [];
  assert.is(Number(held) + Number(open), 10);
  assert.is(part.text.match(/not as labelled {2}/g)?.length, Number(open) + (part.text.includes(' 0.log') ? 1 : 0));
  const refused: unknown = await scored(root, '--fold', '5').catch((reason: unknown) => reason);
  assert.instance(refused, Failure);
});

test('a folder without an index, and an unknown label, are errors', async () => {
  const refused = async (folder: string): Promise<string> => {
    const error: unknown = await scored(folder).catch((reason: unknown) => reason);
    return error instanceof Failure ? `${error.message} ${error.hint}` : String(error);
  };
  assert.match(await refused(join(root, 'none')), 'its index.tsv or index.toml must have a label for each text');
  await writeFile(join(root, 'index.tsv'), 'path\tsystem\tlabel\tkind\na.log\tredox\tgood\t\n');
  assert.match(await refused(root), '"a.log" has the label "good"');
});

test.run();
