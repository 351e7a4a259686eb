// The recordings of fixtures/transcripts: every row of the index gets its verdict, and every file has a row;
// with times, without them, and in chunks of one byte.
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Judge } from '../console/judge.ts';
import { replay } from '../console/replay.ts';
import type { Verdict } from '../console/verdict.ts';
import { readTomlFields } from '../core/fields.ts';
import { consoleRules } from './boot-target.ts';

const project = join(import.meta.dirname, '../..');
const folder = join(project, 'fixtures/transcripts');

interface Row {
  readonly file: string;
  readonly system: string;
  readonly label: 'pass' | 'fail' | 'incomplete';
  /** Differences in the expectation if the bytes have no times. */
  readonly bytes?: Row['label'];
  readonly kind: string;
  readonly line: string;
}

const rows = (await readTomlFields(join(folder, 'index.toml'))).tables('transcript').map((fields): Row => {
  const bytes = fields.text('bytes');
  return {
    file: fields.requiredText('file'),
    system: fields.requiredText('system'),
    label: labelIn(fields.requiredText('label')),
    ...(bytes === undefined ? {} : { bytes: labelIn(bytes) }),
    kind: fields.requiredText('kind'),
    line: fields.requiredText('line'),
  };
});

function labelIn(text: string): Row['label'] {
  const label = (['pass', 'fail', 'incomplete'] as const).find((known) => known === text);
  if (label === undefined) throw new Error(`the index has the label "${text}"`);
  return label;
}

function labelOf(verdict: Verdict): Row['label'] {
  return verdict.kind === 'booted' ? 'pass' : verdict.kind === 'stalled' ? 'incomplete' : 'fail';
}

test('every file has a row, and every row its file and its times', async () => {
  const files = (await readdir(folder)).sort();
  assert.equal(files, ['index.toml', ...rows.flatMap(({ file }) => [file, `${file}.times`])].sort());
});

for (const row of rows) {
  test(`${row.file}: ${row.label}${row.kind === '' ? '' : `, ${row.kind}`}`, async () => {
    const rules = await consoleRules(project, row.system);
    const { verdict } = await replay(join(folder, row.file), rules, rules.limits);
    assert.is(labelOf(verdict), row.label, JSON.stringify(verdict));
    if (verdict.kind === 'failed') assert.equal({ kind: verdict.failure, line: verdict.line }, { kind: row.kind, line: row.line });
    if (verdict.kind === 'booted') assert.is(verdict.line, row.line.trim());
  });
}

test('without times the bytes give the verdict that the index has for that', async () => {
  const copies = await mkdtemp(join(tmpdir(), 'transcripts-'));
  for (const row of rows) {
    const rules = await consoleRules(project, row.system);
    await copyFile(join(folder, row.file), join(copies, row.file));
    const { verdict } = await replay(join(copies, row.file), rules, rules.limits);
    assert.is(labelOf(verdict), row.bytes ?? row.label, `${row.file}: ${JSON.stringify(verdict)}`);
  }
  await rm(copies, { recursive: true });
});

test('a byte at a time gives the same judgement', async () => {
  for (const row of rows) {
    const rules = await consoleRules(project, row.system);
    const bytes = await readFile(join(folder, row.file));
    const [whole, single] = [new Judge(rules, rules.limits, false), new Judge(rules, rules.limits, false)];
    whole.read(0, bytes);
    for (const byte of bytes) single.read(0, Uint8Array.of(byte));
    for (const judge of [whole, single]) judge.mark(0, { kind: 'ended' });
    assert.equal(single.judgement(), whole.judgement(), row.file);
  }
});

test.run();
