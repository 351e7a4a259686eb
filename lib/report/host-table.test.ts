// The tables of doctor as lines: for files, for a terminal of 80 columns, and in colours.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Check } from '../host/host-checks.ts';
import { coloursFor, plainText } from './progress.ts';
import { checkLines, workLines } from './host-table.ts';

const checks: readonly Check[] = [
  { name: 'bwrap', found: true, needed: true, detail: '/usr/bin/bwrap', hint: 'never shown' },
  { name: 'cc', found: false, needed: true, detail: 'package gcc' },
  { name: 'kvm', found: false, needed: false, detail: 'no /dev/kvm', hint: 'machines are then emulated, which is several times slower' },
];
const plain = { colours: plainText, width: undefined };

test('a line has the state, the name and the finding, and a hint only for what is not there', () => {
  assert.equal(
    checks.flatMap((check) => checkLines(check, plain)),
    [
      'ok       bwrap               /usr/bin/bwrap',
      'missing  cc                  package gcc',
      'warning  kvm                 no /dev/kvm: machines are then emulated, which is several times slower',
    ],
  );
});

test('on a terminal no line is longer than it, and the states have colours', async () => {
  const lines = [...checks.flatMap((check) => checkLines(check, { ...plain, width: 80 })), ...workLines(checks, { ...plain, width: 80 })];
  assert.equal(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.equal(lines.slice(2, 4), [
    'warning  kvm                 no /dev/kvm: machines are then emulated, which is',
    '                             several times slower',
  ]);
  const [coloured] = checkLines({ name: 'cc', found: false, needed: true, detail: 'x' }, { colours: await coloursFor(true), width: 80 });
  assert.is(coloured, `\x1b[31mmissing  \x1b[39mcc${' '.repeat(18)}x`);
});

test('the table of work has a row for each, with what the host lacks', () => {
  const lines = workLines(checks, plain);
  assert.ok(lines.includes('not yet  crates        compile Cargo projects: lacks cc'), lines.join('\n'));
  assert.ok(lines.includes('ready    network       create networks for machines'), lines.join('\n'));
});

test.run();
