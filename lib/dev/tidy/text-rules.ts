// Rules about a file's header, length, name and last byte, and about words that would tie it to one machine.
import { complaint, isTest } from './rule.ts';
import type { Rule, SourceFile } from './rule.ts';
import { codeOf, lineAt } from '../../core/modules/source-text.ts';

const longestFile = 400;
const longestLine = 160;
const taskLines = { least: 15, most: 60 } as const;

/** A file must begin with a comment that describes it. */
export const header: Rule = (file) => {
  const lines = file.text.split('\n');
  const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
  return /^(\/\/ \S|\/\*)/.test(first ?? '') ? [] : [complaint(file, 1, 'it should begin with a comment that describes it')];
};

export const length: Rule = (file) => {
  const count = file.text.split('\n').length - 1;
  if (/^tasks\/[^/]+\.ts$/.test(file.path) && (count < taskLines.least || count > taskLines.most)) {
    return [
      complaint(file, count, `a task has ${taskLines.least} to ${taskLines.most} lines, this one ${count}: its work belongs in lib/`),
    ];
  }
  return count > longestFile ? [complaint(file, count, `${count} lines are more than ${longestFile}: it is more than one thing`)] : [];
};

export const width: Rule = (file) =>
  file.text
    .split('\n')
    .flatMap((line, index) =>
      [...line].length > longestLine ? [complaint(file, index + 1, `${[...line].length} columns are more than ${longestLine}`)] : [],
    );

export const ending: Rule = (file) => {
  if (!file.text.endsWith('\n')) return [complaint(file, lineAt(file.text, file.text.length), 'the last line has no end')];
  return file.text.endsWith('\n\n') ? [complaint(file, lineAt(file.text, file.text.length) - 1, 'empty lines at the end')] : [];
};

const vagueNames = /(^|\/)(index|utils?|types|helpers?|common|misc)\.ts$/;

export const naming: Rule = (file) =>
  vagueNames.test(file.path) ? [complaint(file, 1, 'its name is vague; name the one thing that it contains')] : [];

/** A test file without this call passes without running any test. */
export const testRun: Rule = (file) =>
  isTest(file.path) && !/^\w+\.run\(\);$/m.test(codeOf(file.text)) ? [complaint(file, 1, 'a test file must call test.run();')] : [];

const places: readonly { pattern: RegExp; what: string }[] = [
  { pattern: /(?<![\w.])\/(?:work|root|home\/\w+)\/\w/g, what: 'a path of one machine' },
  // The shape of such names is matched, so that not even this rule contains one.
  {
    pattern: /\b(?:registry|static|index|deb|archive|security|mirrors?|proxy)\.[\w-]+\.(?:org|io|com|net)\b/g,
    what: "the name of a registry's host",
  },
];

/** No text may tie the project to the machine on which it was written, or to one mirror. */
export const portable: Rule = (file) =>
  places.flatMap(({ pattern, what }) =>
    [...file.text.matchAll(pattern)].map((match) => complaint(file, lineAt(file.text, match.index), `"${match[0]}" is ${what}`)),
  );

/** A system's own facts belong to its page. lib/ must not name a system. */
export const systemNames =
  (names: readonly string[]): Rule =>
  (file: SourceFile) => {
    if (!file.path.startsWith('lib/') || file.path.startsWith('lib/dev/') || isTest(file.path)) return [];
    const pattern = new RegExp(`(['"\`])(?:${names.join('|')})\\1`, 'g');
    return [...file.text.matchAll(pattern)].map((match) =>
      complaint(file, lineAt(file.text, match.index), `${match[0]} is a system: what is special to it belongs in systems/`),
    );
  };
