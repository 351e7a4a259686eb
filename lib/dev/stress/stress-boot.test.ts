// The stress tests of boots with a fake boot test: their counts, and the results that they treat as faults.
// tasks/stress-boot.ts uses the real one.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../core/events.ts';
import type { BootFault } from './faulty-images.ts';
import { prepare, stressBootKills, stressBoots, stressFaults } from './stress-boot.ts';
import type { BootSubject } from './stress-boot.ts';

const context: Context = { signal: new AbortController().signal, report: () => undefined };
const root = await mkdtemp(join(tmpdir(), 'stress-boot-'));
test.after(() => rm(root, { recursive: true }));

/** A "node" that runs `script` instead of test-boot.ts. */
async function subject(name: string, script: string): Promise<BootSubject> {
  const node = join(root, name);
  await writeFile(node, `#!/bin/sh\n${script}\n`);
  await chmod(node, 0o755);
  const image = join(root, 'x.img');
  await writeFile(image, 'an image');
  const made = { system: 'redox', image, scratch: join(root, `${name}-scratch`), node, env: { PATH: '/usr/bin:/bin' } };
  await prepare(made);
  return made;
}

const says = (verdict: string): string => `echo '{"verdict":${verdict}}'`;

test('boots with the right verdict and without leftovers are not faults', async () => {
  const { sentence, faults } = await stressBoots(await subject('good', says('{"kind":"booted"}')), 3, context);
  assert.equal(faults, []);
  assert.match(sentence, /^3 boots in \d+ s: 3 right verdicts, 0 faults$/);
});

test('a wrong verdict, a missing verdict, and leftovers are faults', async () => {
  const wrong = await stressBoots(await subject('wrong', `${says('{"kind":"stalled"}')}; exit 1`), 1, context);
  assert.equal(wrong.faults, ['boot 1: {"kind":"stalled"}']);
  const silent = await stressBoots(await subject('silent', 'echo "error: no" >&2; exit 70'), 1, context);
  assert.equal(silent.faults, ['boot 1: {"kind":"no verdict (error: no)"}']);
  const untidy = await stressBoots(await subject('untidy', `touch "$TMPDIR/left"; ${says('{"kind":"booted"}')}`), 1, context);
  assert.equal(untidy.faults, ['boot 1 left file left']);
});

test('a test that is killed leaves no machine, and the next boot has the right verdict', async () => {
  const { faults } = await stressBootKills(await subject('slow', `sleep 0.2; ${says('{"kind":"booted"}')}`), 3, 1, context);
  assert.equal(faults, []);
});

test('each fault must get its own verdict', async () => {
  const rows: readonly BootFault[] = [
    { name: 'panic', verdict: 'failed', failure: 'kernel-panic', line: /^PANIC/ },
    { name: 'hang', verdict: 'stalled' },
  ];
  const panics = await subject('panics', says('{"kind":"failed","failure":"kernel-panic","line":"PANIC here"}'));
  const { sentence, faults } = await stressFaults(panics, rows, { make: async () => undefined }, context);
  assert.equal(faults, ['hang: {"kind":"failed","failure":"kernel-panic","line":"PANIC here"}']);
  assert.is(sentence, '2 faults booted: 1 wrong');
});

test.run();
