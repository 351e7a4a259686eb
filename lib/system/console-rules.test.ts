// Tests the console rules of every system (systems/*/console.ts): each rule matches its own example, and no
// pattern can be slow.
import { globby } from 'globby';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Continuation } from '../console/lines/prefixes.ts';
import { matcher } from '../console/lines/matcher.ts';
import type { ConsoleRules, LineRule } from '../console/rules.ts';

const root = join(import.meta.dirname, '../..');
const files = (await globby('systems/*/console.ts', { cwd: root })).sort();

function allRules(rules: ConsoleRules): readonly LineRule[] {
  return [
    ...rules.milestones,
    ...rules.prompts,
    ...rules.panics,
    ...rules.findings,
    ...rules.decoys,
    ...rules.powerOffs,
    ...(rules.menus ?? []),
  ];
}

test('there are rules to check', () => {
  assert.ok(files.includes('systems/redox/console.ts') && files.includes('systems/firmware/console.ts'));
});

for (const file of files) {
  const page: { console: ConsoleRules } = await import(join(root, file));
  const rules = page.console;
  const match = matcher(rules);
  const continuation = new Continuation(rules.stamp);
  const bodyOf = (line: string): readonly string[] => {
    const stamp = continuation.stamped(line);
    return stamp ? [line.slice(stamp.end)] : [];
  };

  test(`${file}: every rule has a source and decides its own example`, () => {
    for (const rule of allRules(rules))
      assert.ok(
        rule.source !== '' && [rule.example, ...bodyOf(rule.example)].some((text) => rule.pattern.test(text)),
        String(rule.pattern),
      );
    for (const rule of rules.panics) {
      const meaning = match.meaning(rule.example, bodyOf(rule.example));
      assert.ok(meaning?.kind === 'panic' && meaning.rule === rule, `another rule takes "${rule.example}"`);
    }
    for (const milestone of rules.milestones) {
      const meaning = match.meaning(milestone.example, bodyOf(milestone.example));
      assert.ok(meaning?.kind === 'milestone' && meaning.milestone === milestone, `another rule takes "${milestone.example}"`);
    }
    for (const rule of rules.findings) {
      const meaning = match.meaning(rule.example, bodyOf(rule.example));
      assert.ok(meaning?.kind === 'finding' && meaning.rule === rule, `another rule takes "${rule.example}"`);
    }
    for (const { example } of rules.prompts) assert.ok(match.prompt(example) !== undefined, example);
  });

  test(`${file}: patterns are linear and have no flags`, () => {
    for (const { pattern } of allRules(rules)) {
      assert.is(pattern.flags, '', String(pattern));
      assert.not.match(pattern.source, /[*+}]\)[*+{]/, `a quantifier inside a quantified group: ${pattern}`);
      assert.not.match(pattern.source, /\\[1-9]|\\k</, `a back-reference: ${pattern}`);
    }
  });

  test(`${file}: a stamp captures its seconds and nothing else`, () => {
    const { stamp } = rules;
    if (!stamp) return;
    assert.ok(Number(stamp.pattern.exec(stamp.example)?.groups?.['seconds']) > 0);
    assert.is(stamp.pattern.exec(stamp.example)?.length, 2);
  });

  test(`${file}: a rule that depends on whose crash it is captures who`, () => {
    for (const { fatal, pattern } of rules.panics) {
      if (typeof fatal === 'object') assert.match(pattern.source, '(?<who>');
    }
  });
}

test.run();
