// The meaning of console output does not depend on how it arrives: every rule of every system decides its
// example in any chunks, with other line ends, colours, stray bytes, wrapped at the last column, and, if the
// kernel stamps its lines, with lines of other tasks in between.
import { globby } from 'globby';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Judge } from './judge.ts';
import { mutations } from '../dev/stress/mutations.ts';
import type { Mutation } from '../dev/stress/mutations.ts';
import type { ConsoleRules } from './rules.ts';

const root = join(import.meta.dirname, '../..');

interface OwnMutation extends Mutation {
  /** Makes sense only where the kernel stamps its lines so. */
  readonly stamped?: true;
}

const kernelLine = '[    7.130130] random: crng init done\n';

const all: readonly OwnMutation[] = [
  ...mutations,
  { name: 'as it is', change: (text) => text },
  { name: 'no line end', change: (text) => text.replace(/\n$/, '') },
  { name: 'bytes that are no UTF-8', change: (text) => `\u00ff\u0080x\n${text}` },
  { name: 'wrapped at column 80', change: (text) => text.replaceAll(/^.{80}(?=.)/gm, '$&\n') },
  { name: 'stamped lines around', stamped: true, change: (text) => kernelLine + text + kernelLine },
  { name: 'with callers', stamped: true, change: (text) => text.replaceAll(/^(\[ *\d+\.\d{6}\]) /gm, '$1[ T1234] ') },
];

function verdictOf(rules: ConsoleRules, text: string, sizes: () => number): string {
  const judge = new Judge(rules, rules.limits, false);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0, size = sizes(); at < bytes.length; at += size, size = sizes()) judge.read(0, bytes.subarray(at, at + size));
  const { verdict } = (judge.mark(0, { kind: 'ended' }), judge.judgement());
  return verdict.kind === 'failed' ? verdict.failure : verdict.kind;
}

/** Chunks of any sizes, the same in every run. */
function randomSizes(): () => number {
  let state = 7;
  return () => 1 + (((state = (state * 1103515245 + 12345) & 0x7fffffff) >> 8) % 23);
}

for (const file of (await globby('systems/*/console.ts', { cwd: root })).sort()) {
  const { console: rules }: { console: ConsoleRules } = await import(join(root, file));
  const stampsLikeLinux = rules.stamp?.pattern.test(kernelLine) === true;
  const fit = all.filter(({ stamped }) => !stamped || stampsLikeLinux);

  test(`${file}: a fatal line is fatal however it arrives`, () => {
    for (const { kind, fatal, example } of rules.panics) {
      if (fatal !== 'always') continue;
      for (const { name, change } of fit) {
        const text = change(`a line\n${example}\n`);
        for (const sizes of [() => text.length, () => 1, randomSizes()])
          assert.is(verdictOf(rules, text, sizes), kind, `${example}: ${name}`);
      }
    }
  });

  test(`${file}: a prompt is one however it arrives`, () => {
    for (const { example } of rules.prompts) {
      for (const { name, change } of fit) {
        const text = change(`a line\n${example}`);
        for (const sizes of [() => text.length, () => 1, randomSizes()])
          assert.is(verdictOf(rules, text, sizes), 'booted', `${example}: ${name}`);
      }
    }
  });

  test(`${file}: a prompt is found with kernel lines between its characters`, () => {
    if (!stampsLikeLinux) return;
    for (const { example, bare: isBare } of rules.prompts) {
      if (isBare) continue; // it counts on the last line alone
      const bare = example.replace(/\[ *\d+\.\d{6}\].*/, '');
      for (let at = 1; at < bare.length; at++) {
        const text = `a line\n${bare.slice(0, at)}${kernelLine}${kernelLine}${bare.slice(at)}\n`;
        // If the cut comes after the last word of the prompt, the prompt is complete before the cut.
        assert.is(
          verdictOf(rules, text, () => 5),
          'booted',
          JSON.stringify(text),
        );
      }
    }
  });
}

test.run();
